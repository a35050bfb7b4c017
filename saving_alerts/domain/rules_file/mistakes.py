"""Mistakes in a rules file as lines for its author: where, what is wrong, and what would be right."""

import json
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from saving_alerts.domain.rules_file.schema import NONE_TAG, WINDOW_TAG, RulesDocument

LOCALE_EXAMPLE = '; write it like "de" or "de-AT"'  # locales are the only keys with a pattern
MAX_SHOWN_CHARACTERS = 40  # of a wrong value, so that each mistake is one line
MAX_PATH_PART_CHARACTERS = 64  # of a field's name, which can be anything in a wrong file
MAX_ERROR_CHARACTERS = 200  # of an exception, whose text may repeat what stands in the file
MAX_MISTAKES = 1_000  # in one file: nobody reads more, and each costs time and memory
Place = tuple[int | str, ...]  # keys and list indexes from the top of the file
Mistake = tuple[Place, str]

_EXPECTED = {  # pydantic's error type → what belongs there
    "int_type": "a whole number without quotes",
    "int_from_float": "a whole number",
    "float_type": "a number without quotes",
    "finite_number": "a number",
    "bool_type": "true or false without quotes",
    "string_type": "text in quotes",
    "tuple_type": "a list in [ ]",
    "frozen_set_type": "a list in [ ]",
    "dict_type": "fields in { }",
    "model_type": "fields in { }",
    "union_tag_not_found": '{"from": "22:00", "to": "08:00"}, or "none" for no quiet hours',
    "literal_error": '{"from": "22:00", "to": "08:00"}, or "none" for no quiet hours',
}
_LIMITS = {  # pydantic's error type → the limit, with the names of pydantic's context
    "greater_than": "must be more than {gt:.15g}",
    "greater_than_equal": "must be at least {ge:.15g}",
    "less_than_equal": "must be at most {le:.15g}",
    "too_long": "has too many entries: at most {max_length} are allowed",
    "string_too_long": "has more than {max_length} characters",
}


class RulesRefusedError(Exception):
    """The whole file is refused. `mistakes` has one line for each: path, what is wrong, what would be right.

    `more` is how many mistakes beyond MAX_MISTAKES were found and are not among them.
    """

    def __init__(self, mistakes: list[str], more: int = 0) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes
        self.more = more

    @property
    def lines(self) -> list[str]:
        """All mistakes, and how many more there are."""
        return [*self.mistakes, f"and {self.more} more"] if self.more else self.mistakes


class NotCheckedInTimeError(RulesRefusedError):
    """The file is refused because checking it took too long. It may be good: check it again later."""


def refusal(tree: object, errors: list[ErrorDetails], others: list[Mistake]) -> RulesRefusedError:
    """One line for each mistake, without repetitions. A list whose items are all wrong is not also called empty."""
    first = errors[:MAX_MISTAKES]
    above = {error["loc"][:depth] for error in first for depth in range(len(error["loc"]))}
    found = [_of_model(error) for error in first if error["type"] != "too_short" or error["loc"] not in above]
    rest = others[: MAX_MISTAKES - len(found)]
    lines = [line(tree, *mistake) for mistake in [*found, *rest]]
    return RulesRefusedError(list(dict.fromkeys(lines)), len(errors) - len(first) + len(others) - len(rest))


def line(tree: object, place: Place, what: str) -> str:
    """The path from `$`, what is wrong there, and the id of the rule. Unprintable characters are escaped."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{cut(part)}" for part in place)
    return printable(f"${path}: {what}{_rule_id(tree, place)}")


def printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def in_words(error: BaseException) -> str:
    """For what a check should not have raised: the file may be good, but nobody can say so."""
    what = printable(f"{type(error).__name__}: {error}"[:MAX_ERROR_CHARACTERS])
    return f"cannot be checked ({what}): write it in another way, and report this text"


def cut(part: str) -> str:
    return part if len(part) <= MAX_PATH_PART_CHARACTERS else f"{part[:MAX_PATH_PART_CHARACTERS]}…"


def _rule_id(tree: object, place: Place) -> str:
    if len(place) < 2 or place[0] != "rules" or not isinstance(tree, dict):  # noqa: PLR2004 - rules, number
        return ""
    try:
        rule_id = tree["rules"][place[1]]["id"]
    except (LookupError, TypeError):
        return ""
    return f" (rule {shown(rule_id)})" if isinstance(rule_id, str) else ""


def _of_model(error: ErrorDetails) -> Mistake:
    parts = tuple(part for part in error["loc"] if part not in {NONE_TAG, WINDOW_TAG})
    is_key = parts[-1:] == ("[key]",)  # pydantic's mark for an error in the key, not in its value
    place = parts[:-1] if is_key else parts
    return place, _words(error, place, is_key=is_key)


def _words(error: ErrorDetails, place: Place, *, is_key: bool) -> str:
    error_type, context = error["type"], error.get("ctx", {})
    if error_type == "value_error":
        return error["msg"].removeprefix("Value error, ")
    if error_type == "extra_forbidden":
        return _no_such_field(place)
    if error_type == "missing":
        return f"missing{_example(place)}"
    if error_type in {"too_short", "string_too_short"}:
        return f"must not be empty{_example(place)}"
    if error_type == "string_unicode":
        return "contains half a character: type it anew"
    return f"{shown(place[-1] if is_key else error['input'])} {_value_problem(error, place, context)}"


def _no_such_field(place: Place) -> str:
    there = _fields(_model_at(place[:-1]))
    near = get_close_matches(str(place[-1])[:MAX_PATH_PART_CHARACTERS], there, n=1)
    meant = f" did you mean {near[0]}?" if near else ""
    return f"there is no such field;{meant} there are: {', '.join(there)}"


def _value_problem(error: ErrorDetails, place: Place, context: Mapping[str, Any]) -> str:
    error_type = error["type"]
    if error_type in _LIMITS:
        return _LIMITS[error_type].format(**context)
    if error_type == "enum":
        return f"is none of {context['expected']}"
    if error_type in _EXPECTED:
        return f"is not what belongs here: {_EXPECTED[error_type]}{_example(place)}"
    if error_type == "string_pattern_mismatch":
        return "cannot stand here" + (_example(place) or LOCALE_EXAMPLE)
    return error["msg"]


def _example(place: Place) -> str:
    field = _field_at(place)
    example = field.examples[0] if field is not None and field.examples else None
    return "" if example is None else f"; write it like {json.dumps(example, ensure_ascii=False)}"


def shown(value: object) -> str:
    """The value as JSON, cut short. No more of it is written than is shown."""
    text = ""
    for part in json.JSONEncoder(ensure_ascii=False).iterencode(value):
        text += part
        if len(text) > MAX_SHOWN_CHARACTERS:
            break
    return text if len(text) <= MAX_SHOWN_CHARACTERS else f"{text[:MAX_SHOWN_CHARACTERS]}…"


def _fields(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_at(place: Place) -> type[BaseModel]:
    """The model of the object that stands at a place."""
    model: type[BaseModel] = RulesDocument
    for part in place:
        field = _named(model, part)
        model = (_model_in(field.annotation) or model) if field is not None else model
    return model


def _field_at(place: Place) -> FieldInfo | None:
    return _named(_model_at(place[:-1]), place[-1]) if place else None


def _named(model: type[BaseModel], part: int | str) -> FieldInfo | None:
    return next((field for name, field in model.model_fields.items() if (field.alias or name) == part), None)


def _model_in(annotation: object) -> type[BaseModel] | None:
    """The first model in a type like `tuple[Model, ...] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
