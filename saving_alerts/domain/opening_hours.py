"""When a store is open: an ordinary week, in the plain part of OpenStreetMap's `opening_hours`, and closed days."""

import re
from datetime import date
from functools import lru_cache
from typing import Annotated

import msgspec
from msgspec import Meta

from saving_alerts.domain.rules.quiet_hours import zone_of

MAX_HOURS_CHARACTERS = 400  # seven days with four spans each have 370
MAX_CLOSED_DAYS = 366
MINUTES_OF_A_DAY = 24 * 60
EXAMPLE = '"Mo-Fr 09:00-12:30,14:00-20:00; Sa 10:00-02:00; Su off", or "24/7"'

# Minutes after the midnight with which its day begins; `end` is beyond that day where a span goes over midnight.
Span = tuple[int, int]
Week = tuple[tuple[Span, ...], ...]  # from Monday

_DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
_DAY = f"(?:{'|'.join(_DAYS)})"
_TIME = "(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00"
_PART = re.compile(
    rf"(?P<days>{_DAY}(?:-{_DAY})?(?:,{_DAY}(?:-{_DAY})?)*) "
    rf"(?:off|(?P<spans>(?:{_TIME})-(?:{_TIME})(?:,(?:{_TIME})-(?:{_TIME}))*))"
)
_ALWAYS: Week = (((0, MINUTES_OF_A_DAY),),) * 7
_DATE = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}")
_REMEMBERED = 4096  # texts: stores of one chain have the same


class Opening(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Of a store, or of a merchant for all of its stores. A store says itself what it has otherwise.

    `timezone` is the store's own, `hours` its week, `closed_days` are dates like 2026-12-25. Equal ones can be shared.
    """

    timezone: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    hours: Annotated[str, Meta(min_length=1, max_length=MAX_HOURS_CHARACTERS)] | None = None
    closed_days: Annotated[tuple[Annotated[str, Meta(max_length=10)], ...], Meta(max_length=MAX_CLOSED_DAYS)] = ()


@lru_cache(maxsize=_REMEMBERED)
def opening_problem(opening: Opening) -> str | None:
    """The first field that cannot be used, like closed_days[3]; None if all can."""
    if opening.timezone is not None and zone_of(opening.timezone) is None:
        return "timezone"
    if opening.hours is not None and read_week(opening.hours) is None:
        return "hours"
    odd = next((number for number, day in enumerate(opening.closed_days) if not _is_date(day)), None)
    return None if odd is None else f"closed_days[{odd}]"


@lru_cache(maxsize=_REMEMBERED)
def read_week(text: str) -> Week | None:
    """The spans of each day; None for a text in another notation. A later part counts for the days that it names."""
    if text == "24/7":
        return _ALWAYS
    week: list[tuple[Span, ...]] = [()] * 7
    for part in text.replace(", ", ",").split(";"):
        found = _read_part(part.strip())
        if found is None:
            return None
        days, spans = found
        for day in days:
            week[day] = spans
    return tuple(week)


@lru_cache(maxsize=_REMEMBERED)  # they come again in other weeks
def _read_part(part: str) -> tuple[tuple[int, ...], tuple[Span, ...]] | None:
    """The days, and when it is open on each of them."""
    found = _PART.fullmatch(part)
    spans = None if found is None else _spans(found["spans"])
    return None if found is None or spans is None else (_days(found["days"]), spans)


@lru_cache(maxsize=_REMEMBERED)
def _days(text: str) -> tuple[int, ...]:
    """As numbers from Monday, 0. A range may go over Sunday."""
    days: list[int] = []
    for each in text.split(","):
        first, _, last = each.partition("-")
        begin, end = _DAYS.index(first), _DAYS.index(last or first)
        days += [number % 7 for number in range(begin, end + 1 if begin <= end else end + 8)]
    return tuple(days)


def _spans(text: str | None) -> tuple[Span, ...] | None:
    """None for a span without length: nobody knows whether it means never or always."""
    spans = [tuple(map(_minutes, each.split("-"))) for each in (text or "").split(",") if each]
    if any(begin in {end, MINUTES_OF_A_DAY} for begin, end in spans):
        return None
    return tuple((begin, end if begin < end else end + MINUTES_OF_A_DAY) for begin, end in spans)


@lru_cache(maxsize=MINUTES_OF_A_DAY + 1)
def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


@lru_cache(maxsize=_REMEMBERED)
def _is_date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
