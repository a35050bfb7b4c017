"""Moments, spans of time and lists as people say them in a language, by CLDR."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from babel.dates import format_datetime, format_skeleton, format_time
from babel.lists import format_list
from babel.units import format_unit

# CLDR's name, its seconds, from how many seconds on it is used, and whether for whole ones only.
_UNITS = (
    ("day", 86_400, 2 * 86_400, True),
    ("hour", 3_600, 3_600, True),
    ("hour", 3_600, 3 * 3_600, False),
    ("minute", 60, 60, True),
    ("minute", 60, 120, False),
    ("second", 1, 0, False),
)
# CLDR's name, its milliseconds, decimals, and up to how many milliseconds it is used.
_SHORT_UNITS = (
    ("millisecond", 1, 0, 1_000.0),
    ("second", 1_000, 1, 120_000.0),
    ("minute", 60_000, 0, 2 * 3_600_000.0),
    ("hour", 3_600_000, 1, float("inf")),
)
_NO_BREAK_SPACES = str.maketrans("\xa0\u202f", "  ")  # a terminal and a voice need none


def time_text(moment: datetime, locale: str) -> str:
    """Hour and minute, like `21:47`."""
    return _plain(format_time(moment.replace(tzinfo=None), "short", locale=locale))


def precise_time_text(moment: datetime) -> str:
    """With milliseconds, for a timeline: the same in every language."""
    return f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}"


def date_text(moment: datetime, locale: str, *, with_year: bool) -> str:
    """Like `24 November` and `24. November 2026`."""
    return _plain(format_skeleton("yMMMMd" if with_year else "MMMMd", moment.replace(tzinfo=None), locale=locale))


def weekday_text(moment: datetime, locale: str) -> str:
    """Like `Tuesday`."""
    return _plain(format_datetime(moment.replace(tzinfo=None), "EEEE", locale=locale))


def span_text(span: timedelta, locale: str) -> str:
    """In the unit in which people say it: whole days of two and more, else hours, minutes or seconds, rounded."""
    seconds = max(span.total_seconds(), 0)
    unit, size = next(each for each in _UNITS if seconds >= each[2] and (not seconds % each[1] or not each[3]))[:2]
    return _plain(format_unit(round(seconds / size), f"duration-{unit}", locale=locale))


def short_span_text(span: timedelta, locale: str) -> str:
    """As exact as it is of use, in short: `3 ms`, `1.2 secs`, `9 mins`."""
    milliseconds = max(span / timedelta(milliseconds=1), 0)
    unit, size, digits = next(each for each in _SHORT_UNITS if milliseconds < each[3])[:3]
    return _plain(format_unit(round(milliseconds / size, digits or None), f"duration-{unit}", "short", locale=locale))


def list_text(texts: Sequence[str], locale: str) -> str:
    """Like `one, two and three`."""
    return _plain(format_list(list(texts), locale=locale))


def _plain(text: str) -> str:
    return text.translate(_NO_BREAK_SPACES)
