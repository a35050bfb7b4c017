"""The bytes of a rules file as JSON, with mistakes that people can act on: encodings, syntax, repeated keys."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from saving_alerts.domain.rules_file.mistakes import Mistake, Place, RulesRefusedError, line, printable

NEAR_CHARACTERS = 24  # how much of the text behind a syntax error is quoted
MAX_DEPTH = 32  # rules need seven: bounds the recursion of every check, and the length of a place
MAX_ENTRIES = 1_000  # of one list or object, as many as there may be rules: bounds the time of one step of a check
_UTF_16_OR_32 = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
_PARSER_MESSAGES = {  # how a message of Python's parser begins → ours
    "Extra data": "something follows after the end",
    "Unterminated string": "a text whose closing quote is missing",
    "Expecting ',' delimiter": "a comma or a closing bracket is missing before this",
    "Expecting ':' delimiter": "a colon is missing before this",
    "Expecting property name": "the name of a field in double quotes is expected here",
    "Invalid control character": "a line break or another invisible sign within a text",
    "Invalid \\escape": "a backslash within a text: write two of them for one",
}
_TIME = re.compile(r"[0-9]{1,2}:[0-9]{2}")


class _Twice(dict[str, Any]):
    """An object some of whose keys were given twice. It has the last value of each, as Python's parser does."""

    keys_twice: tuple[str, ...] = ()


def read_json(raw: bytes) -> object:
    """The parsed JSON. Raises RulesRefusedError with the line and the column."""
    text = _decoded(raw)
    if not text.strip():
        raise RulesRefusedError(["$: the file is empty: it needs at least caps and rules"])
    try:
        tree = json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        at = _position(error)
        before = error.doc[:at].split("\n")
        place = f"line {len(before)}, column {len(before[-1]) + 1}"
        raise RulesRefusedError([printable(f"{place}: {_syntax(error, at)}")]) from error
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:  # Python does not convert a number with more than 4,300 digits
        raise RulesRefusedError(
            ["$: a number with thousands of digits: no number in here needs more than six"]
        ) from error
    _refuse_deep(tree)
    return tree


def refuse_crowds(tree: object) -> None:
    """Call it before any check that costs time for each entry. Raises RulesRefusedError with the place."""
    for place, found in _containers(tree):
        if len(found) > MAX_ENTRIES:
            what = f"{len(found)} entries, and nothing in a rules file has more than {MAX_ENTRIES}"
            raise RulesRefusedError([line(tree, place, what)])


def keys_given_twice(tree: object) -> Iterator[Mistake]:
    """Every key that one object has twice. Only one of the values would count, without a message."""
    for place, found in _containers(tree):
        if isinstance(found, _Twice):
            for key in found.keys_twice:
                yield (*place, key), "stands here twice: keep one"


def _containers(value: object, place: Place = ()) -> Iterator[tuple[Place, dict[str, Any] | list[Any]]]:
    """Every object and every list, each before what is in it."""
    if isinstance(value, dict | list):
        yield place, value
    for part, inner in _inside(value):
        if isinstance(inner, dict | list):
            yield from _containers(inner, (*place, part))


def _inside(value: object) -> Iterator[tuple[int | str, object]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def _refuse_deep(tree: object) -> None:
    """Level by level, without recursion."""
    level = [tree]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for _, inner in _inside(outer) if isinstance(inner, dict | list)]
    if level:
        raise _too_deep()


def _too_deep() -> RulesRefusedError:
    return RulesRefusedError([f"$: brackets within brackets, more than {MAX_DEPTH} deep: nobody needs more than seven"])


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs) or len(found) > MAX_ENTRIES:  # `refuse_crowds` refuses it, whatever stands there twice
        return found
    twice = _Twice(found)
    times = Counter(name for name, _ in pairs)
    twice.keys_twice = tuple(sorted(name for name, count in times.items() if count > 1))
    return twice


def refuse_encoding(raw: bytes) -> None:
    """For the beginning of a file that programs of other systems saved. Raises RulesRefusedError."""
    if raw.startswith(_UTF_16_OR_32) or b"\x00" in raw[:4]:
        raise RulesRefusedError(["line 1: saved as UTF-16 or UTF-32: save it as UTF-8"])
    if raw.startswith(b"\xef\xbb\xbf"):
        raise RulesRefusedError(["line 1, column 1: an invisible byte order mark (BOM): save it as UTF-8 without BOM"])


def _decoded(raw: bytes) -> str:
    refuse_encoding(raw)
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        lines = raw[: error.start].decode().split("\n")
        place = f"line {len(lines)}, column {len(lines[-1]) + 1}"
        raise RulesRefusedError([f"{place}: a sign that is not UTF-8: save the file as UTF-8"]) from error


def _position(error: json.JSONDecodeError) -> int:
    """Where the parser noticed it. Of a comma before a bracket that is the bracket, as Python before 3.13 has it."""
    if not error.msg.startswith("Illegal trailing comma"):
        return error.pos
    behind = error.doc[error.pos + 1 :]
    return error.pos + 1 + len(behind) - len(behind.lstrip())


def _syntax(error: json.JSONDecodeError, at: int) -> str:
    rest = error.doc[at:]
    before = error.doc[:at].rstrip()
    near = f" near {rest[:NEAR_CHARACTERS].splitlines()[0]!r}" if rest.strip() else ""
    return f"{_syntax_mistake(before, rest, error.msg)}{near}"


def _syntax_mistake(before: str, rest: str, message: str) -> str:
    """The mistake in plain words; the parser's own message if it is none of the usual ones."""
    if not rest.strip():
        return "the file ends too early: a bracket or a quote is not closed"
    of_parser = (words for beginning, words in _PARSER_MESSAGES.items() if message.startswith(beginning))
    return _usual(before, rest) or next(of_parser, f"this is not JSON ({message})")


def _usual(before: str, rest: str) -> str | None:
    """A usual mistake that the parser reports as another one; None if it is not one of these."""
    closing = before.endswith(",") and rest.lstrip()[:1] in {"]", "}"}
    if closing:
        return "a comma before a closing bracket: remove it"
    if rest.lstrip()[:1] == "'":
        return "text stands in double quotes"
    if rest.lstrip().startswith(("//", "/*", "#")):
        return "JSON has no comments: remove it"
    if _TIME.match(before[-2:].lstrip() + rest) or _TIME.match(rest):
        return 'a time of day stands in quotes, like "22:00"'
    return None
