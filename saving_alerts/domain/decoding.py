"""The one way in for bytes that others wrote: decoded and checked, or refused in words. It never raises.

What comes back from a topic, from Redis, from S3 or from an API was written by another release, another program, or
somebody who means harm. Whoever reads it asks a `Decoder`, and says what an `Unreadable` means there.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from operator import attrgetter
from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import Meta

# A moment without a zone cannot be compared with one that has it, so no type that is decoded may hold one.
Instant = Annotated[datetime, Meta(tz=True)]
# What fits into the numbers of Kafka's protocol, of Redis and of every JSON reader behind our pages.
Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]
PartitionNumber = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Offset = Annotated[int, Meta(ge=0, le=2**63 - 1)]

# The years in which a moment can still be moved into any zone.
FIRST_SAFE_YEAR, LAST_SAFE_YEAR = 2, 9998
# Far more than a broker takes by default (1 MiB). What is longer is not even looked at.
MAX_RECORD_BYTES = 16 * 1024 * 1024
# Ours have at most six. Deeper ones could be read, and then not be written, printed or compared.
MAX_DEPTH = 32
MAX_PROBLEM_CHARACTERS = 300
MAX_PATH_CHARACTERS = 200
# What an enumeration cannot be is quoted by the decoder, however long it is.
_QUOTED_AT = " - at `"
# Nothing in it is tried in a second way (`*+`): what `re` keeps for that would be a hundred times as long as a text.
_BRACKETS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)

Value = TypeVar("Value")


class Unreadable(msgspec.Struct, frozen=True):
    """Why bytes were refused: what is wrong, and where (`$` is the whole document). Both are printable and short."""

    problem: str
    path: str = "$"

    def __str__(self) -> str:
        return self.problem if self.path == "$" else f"{self.problem} - at `{self.path}`"


class Decoder(Generic[Value]):
    """Reads JSON of one kind. Raises TypeError where the kind could hold a moment without a zone.

    With `open_depth` brackets may stand so deep: for kinds with fields of any shape. Others end where their type ends.
    `any_year`: the reader looks at the years itself.
    """

    def __init__(
        self,
        kind: type[Value],
        max_bytes: int = MAX_RECORD_BYTES,
        *,
        open_depth: int | None = None,
        any_year: bool = False,
    ) -> None:
        described = msgspec.inspect.type_info(kind)
        _refuse_moments_without_zone(described, str(kind))
        self._decoder = msgspec.json.Decoder(kind)
        self._max_bytes = max_bytes
        self._open_depth = open_depth
        self._moments = () if any_year else _moments_of(described)
        self._read_moments = [attrgetter(name) for name in self._moments]

    def read(self, raw: bytes | str | None) -> Value | Unreadable:
        """The value, or why there is none. None is a record or a field without a value."""
        if raw is None:
            return Unreadable("there is no value")
        if len(raw) > self._max_bytes:
            return Unreadable(f"{len(raw)} bytes, at most {self._max_bytes} are read")
        try:
            if self._open_depth is not None and _is_deeper(raw, self._open_depth):
                return Unreadable(f"brackets within brackets, more than {self._open_depth} deep")
            value = self._decoder.decode(raw)
        except RecursionError:
            return Unreadable("brackets within brackets, too deep to be read")
        except (
            ValueError,
            OverflowError,
        ) as error:  # msgspec's own, UnicodeDecodeError, numbers with thousands of digits
            return _refusal(str(error))
        return (self._odd_moment(value) or value) if self._moments else value

    def _odd_moment(self, value: Value) -> Unreadable | None:
        for read in self._read_moments:
            moment = read(value)
            if moment is not None and not FIRST_SAFE_YEAR <= moment.year <= LAST_SAFE_YEAR:
                name = self._moments[self._read_moments.index(read)]
                return Unreadable(f"year {moment.year} is out of range", f"$.{name}")
        return None


def printable(text: str, most: int = MAX_PROBLEM_CHARACTERS) -> str:
    """At most so many characters, which a terminal and a page show as they are; what is cut ends in an ellipsis."""
    shown = "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text[: most + 1])
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def _refusal(message: str) -> Unreadable:
    """The decoder's message, taken apart into what and where: the last place counts, because the text may be quoted."""
    place = message.rfind(_QUOTED_AT)
    if place < 0:
        return Unreadable(printable(message))
    path = message[place:].removeprefix(_QUOTED_AT).removesuffix("`")
    return Unreadable(printable(message[:place]), printable(path, MAX_PATH_CHARACTERS))


def _is_deeper(raw: bytes | str, most: int) -> bool:
    """Brackets within texts do not count. Few brackets are seen at once: most records have no more."""
    body = raw.encode() if isinstance(raw, str) else raw
    if body.count(b"{") + body.count(b"[") <= most:
        return False
    depth = 0
    for found in _BRACKETS.finditer(body):
        depth += {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(found[0], 0)
        if depth > most:
            return True
    return False


def _refuse_moments_without_zone(described: msgspec.inspect.Type, kind: str) -> None:
    for found in _types_in(described, set()):
        if isinstance(found, msgspec.inspect.DateTimeType) and not found.tz:
            raise TypeError(f"{kind} has a datetime that may come without a zone: make it an Instant")


def _types_in(described: msgspec.inspect.Type, seen: set[type]) -> Iterator[msgspec.inspect.Type]:
    """Every type that a value of this one can hold."""
    yield described
    if isinstance(described, msgspec.inspect.StructType):
        if described.cls in seen:
            return
        seen.add(described.cls)
    for inner in _inner(described):
        yield from _types_in(inner, seen)


def _inner(described: msgspec.inspect.Type) -> list[msgspec.inspect.Type]:
    match described:
        case msgspec.inspect.StructType(fields=fields):
            return [field.type for field in fields]
        case msgspec.inspect.UnionType(types=types):
            return list(types)
        case msgspec.inspect.TupleType(item_types=types):
            return list(types)
        case msgspec.inspect.ListType(item_type=item) | msgspec.inspect.VarTupleType(item_type=item):
            return [item]
        case msgspec.inspect.DictType(key_type=key, value_type=value):
            return [key, value]
        case _:
            return []


def _moments_of(described: msgspec.inspect.Type) -> tuple[str, ...]:
    """The fields of a struct itself that hold a moment."""
    if not isinstance(described, msgspec.inspect.StructType):
        return ()
    return tuple(field.name for field in described.fields if _is_moment(field.type))


def _is_moment(described: msgspec.inspect.Type) -> bool:
    options = _inner(described) if isinstance(described, msgspec.inspect.UnionType) else [described]
    return any(isinstance(each, msgspec.inspect.DateTimeType) for each in options)
