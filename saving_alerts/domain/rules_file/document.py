"""The JSON of a rules file as the models of `schema`, rule by rule: no step takes long, whatever the file holds."""

from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from saving_alerts.domain.rules_file.mistakes import MAX_MISTAKES
from saving_alerts.domain.rules_file.schema import RuleDocument, RulesDocument

Model = TypeVar("Model", bound=BaseModel)


def read_document(tree: object, between_steps: Callable[[], None]) -> tuple[RulesDocument | None, list[ErrorDetails]]:
    """The document, or None and what is wrong with it.

    `between_steps` is called before each rule. After MAX_MISTAKES the other rules are not looked at.
    """
    if not isinstance(tree, dict) or not isinstance(tree.get("rules"), list):
        return _validated(RulesDocument, tree)
    rules, in_rules = _validated_rules(tree["rules"], between_steps)
    document, elsewhere = _validated(RulesDocument, {**tree, "rules": rules})
    if not in_rules:
        return document, elsewhere
    return None, [error for error in elsewhere if error["loc"] != ("rules",)] + in_rules  # it had only the good ones


def _validated_rules(
    found: list[Any], between_steps: Callable[[], None]
) -> tuple[list[RuleDocument], list[ErrorDetails]]:
    rules, errors = [], list[ErrorDetails]()
    for number, each in enumerate(found):
        between_steps()
        rule, wrong = _validated(RuleDocument, each)
        rules += [rule] if rule else []
        errors += [_at(("rules", number), error) for error in wrong]
        if len(errors) >= MAX_MISTAKES:
            break
    return rules, errors


def _validated(model: type[Model], value: object) -> tuple[Model | None, list[ErrorDetails]]:
    try:
        return model.model_validate(value), []
    except ValidationError as error:
        return None, error.errors(include_url=False)


def _at(place: tuple[int | str, ...], error: ErrorDetails) -> ErrorDetails:
    return {**error, "loc": (*place, *error["loc"])}
