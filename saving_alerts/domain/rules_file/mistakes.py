"""What is wrong with a rules file, in the words of whoever writes it: where, what, and what would be right."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from saving_alerts.domain.rules_file.schema import NONE_TAG, WINDOW_TAG, RulesDocument

LOCALE_EXAMPLE = '; write it like "de" or "de-AT"'  # locales are the only keys with a pattern
MAX_SHOWN_CHARACTERS = 40
MAX_PATH_PART_CHARACTERS = 64
Place = tuple[int | str, ...]
Mistake = tuple[Place, str]

_KINDS = {
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
_LIMITS = {
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than_equal": "must be at most {le:g}",
    "too_long": "has too many entries: at most {max_length} are allowed",
    "string_too_long": "has more than {max_length} characters",
}


class RulesRefusedError(Exception):
    """The file is refused whole; `mistakes` has one line each: path, what is wrong, what would be right."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


def in_order(tree: object, errors: list[ErrorDetails], others: Iterable[Mistake]) -> list[str]:
    """One line per mistake, each said once. A list whose only items are wrong is not also called empty."""
    places = [error["loc"] for error in errors]
    above = {place[:depth] for place in places for depth in range(len(place))}
    found = [_of_model(error) for error in errors if error["type"] != "too_short" or error["loc"] not in above]
    lines = [line(tree, *mistake) for mistake in [*found, *others]]
    return list(dict.fromkeys(lines))


def line(tree: object, place: Place, what: str) -> str:
    """The path from `$`, what is wrong there, and whose rule it is. Whatever cannot be printed is written out."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{_cut(part)}" for part in place)
    return printable(f"${path}: {what}{_whose(tree, place)}")


def printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def _cut(part: str) -> str:
    return part if len(part) <= MAX_PATH_PART_CHARACTERS else f"{part[:MAX_PATH_PART_CHARACTERS]}…"


def _whose(tree: object, place: Place) -> str:
    if len(place) < 2 or place[0] != "rules" or not isinstance(tree, dict):  # noqa: PLR2004 - rules, number
        return ""
    try:
        rule_id = tree["rules"][place[1]]["id"]
    except (LookupError, TypeError):
        return ""
    return f" (rule {_shown(rule_id)})" if isinstance(rule_id, str) else ""


def _of_model(error: ErrorDetails) -> Mistake:
    parts = tuple(part for part in error["loc"] if part not in {NONE_TAG, WINDOW_TAG})
    is_key = parts[-1:] == ("[key]",)  # that is how pydantic says that the key is wrong
    place = parts[:-1] if is_key else parts
    return place, _words(error, place, is_key=is_key)


def _words(error: ErrorDetails, place: Place, *, is_key: bool) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "value_error":
        return error["msg"].removeprefix("Value error, ")
    if kind == "extra_forbidden":
        return f"there is no such field; there are: {', '.join(_fields(_model_at(place[:-1])))}"
    if kind == "missing":
        return f"missing{_example(place)}"
    if kind in {"too_short", "string_too_short"}:
        return f"must not be empty{_example(place)}"
    if kind == "string_unicode":
        return "contains half a character: type it anew"
    return f"{_shown(place[-1] if is_key else error['input'])} {_no_good(error, place, context)}"


def _no_good(error: ErrorDetails, place: Place, context: Mapping[str, Any]) -> str:
    kind = error["type"]
    if kind in _LIMITS:
        return _LIMITS[kind].format(**context)
    if kind == "enum":
        return f"is none of {context['expected']}"
    if kind in _KINDS:
        return f"is not what belongs here: {_KINDS[kind]}{_example(place)}"
    if kind == "string_pattern_mismatch":
        return "cannot stand here" + (_example(place) or LOCALE_EXAMPLE)
    return error["msg"]


def _example(place: Place) -> str:
    field = _field_at(place)
    example = field.examples[0] if field is not None and field.examples else None
    return "" if example is None else f"; write it like {json.dumps(example, ensure_ascii=False)}"


def _shown(value: object) -> str:
    """What stands there, as it is written, cut short."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = type(value).__name__
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
