"""What held an event up on its way, as its decision says it, and how long, in words."""

from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from saving_alerts.domain.decoding import Decoder, Instant, Unreadable

MAX_TITLE_CHARACTERS = 64
MAX_ERROR_CHARACTERS = 300
MAX_HOLDS = 10  # more dependencies than there are
MAX_HOLDS_BYTES = 8 * 1024
YEAR_SECONDS = 366 * 24 * 3600
UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


class HeldBy(msgspec.Struct, frozen=True, omit_defaults=True):
    """One dependency that was ill while the event waited for it: for so many seconds, from `since` on.

    `by` is how people call it, `error` the last one it gave, in its own words.
    """

    by: Annotated[str, Meta(max_length=MAX_TITLE_CHARACTERS)]
    seconds: Annotated[float, Meta(ge=0, le=YEAR_SECONDS)]
    since: Instant
    error: Annotated[str, Meta(max_length=MAX_ERROR_CHARACTERS)] | None = None

    def __str__(self) -> str:
        return f"held {in_words(self.seconds)} by {self.by}{f': {self.error}' if self.error else ''}"


Holds = tuple[HeldBy, ...]
_holds = Decoder(tuple[HeldBy, ...], MAX_HOLDS_BYTES)


def read_holds(raw: bytes | None) -> Holds:
    """Of a record's header, which others may have written: none where it cannot be read."""
    found = _holds.read(raw)
    return () if isinstance(found, Unreadable) else found[:MAX_HOLDS]


def together(holds: Iterable[HeldBy]) -> Holds:
    """Each dependency once: what it held the event up in several stages, with the last error. The longest first."""
    found: dict[str, HeldBy] = {}
    for each in holds:
        before = found.get(each.by)
        found[each.by] = each if before is None else _added(before, each)
    return tuple(sorted(found.values(), key=lambda each: -each.seconds))[:MAX_HOLDS]


def _added(before: HeldBy, later: HeldBy) -> HeldBy:
    seconds = min(before.seconds + later.seconds, YEAR_SECONDS)
    return HeldBy(before.by, seconds, min(before.since, later.since), later.error or before.error)


def in_words(seconds: float) -> str:
    """At most two units, as people say it: `8 s`, `9 min 40 s`, `2 h 5 min`, `3 d 4 h`."""
    left, parts = int(seconds), list[tuple[int, str]]()
    for unit, size in UNITS:
        number, left = divmod(left, size)
        if number or parts:
            parts.append((number, unit))
    return " ".join(f"{number} {unit}" for number, unit in parts[:2] if number) or "0 s"
