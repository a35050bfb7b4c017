"""What a decision may hold of texts that others wrote: whatever path they come on, it fits into a record."""

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from saving_alerts.domain.decisions import PushText, Subject, Versions

Named = TypeVar("Named", Subject, Versions)

# The sentence of a kill switch, the longest that we write ourselves, has at most 800.
MAX_DETAIL_CHARACTERS = 1_000
MAX_ENTRIES = 100  # of a list or of an object: a held alert notes one attempt every 2 s
MAX_DEPTH = 4  # ours have 3
MAX_NAME_CHARACTERS = 128  # of ids, event types and versions


def bounded_details(details: Mapping[str, object]) -> dict[str, object]:
    """The same, with long texts cut, which an ellipsis shows, and lists cut to their first entries."""
    return {_cut(name, MAX_NAME_CHARACTERS): _bounded(value, MAX_DEPTH) for name, value in _first(details)}


def bounded_subject(subject: Subject) -> Subject:
    named = ("event_id", "user_id", "merchant_id", "event_type", "timezone", "locale", "merchant_name")
    return _bounded_names(subject, named)


def bounded_text(text: PushText) -> PushText:
    return PushText(_cut(text.title, MAX_DETAIL_CHARACTERS), _cut(text.body, MAX_DETAIL_CHARACTERS))


def bounded_versions(versions: Versions) -> Versions:
    return _bounded_names(versions, ("rules", "merchants", "caps"))


def _bounded_names(named: Named, names: tuple[str, ...]) -> Named:
    long = {name: text for name in names if (text := getattr(named, name)) and len(text) > MAX_NAME_CHARACTERS}
    return msgspec.structs.replace(named, **{name: _cut(text, MAX_NAME_CHARACTERS) for name, text in long.items()})


def _bounded(value: object, depth: int) -> object:
    match value:
        case str():
            return _cut(value, MAX_DETAIL_CHARACTERS)
        case dict() | list() | tuple() if depth == 0:
            return "…"
        case dict():
            return {_cut(str(name), MAX_NAME_CHARACTERS): _bounded(each, depth - 1) for name, each in _first(value)}
        case list() | tuple():
            return [_bounded(each, depth - 1) for each in value[:MAX_ENTRIES]]
        case _:
            return value


def _first(entries: Mapping[str, object]) -> list[tuple[str, object]]:
    return list(entries.items())[:MAX_ENTRIES]


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
