"""Checks of single fields of the rules file: times of day, app versions, texts with placeholders."""

import re
import unicodedata
from datetime import date, time
from string import Template

from packaging.version import InvalidVersion, Version

from saving_alerts.domain.opening_hours import EXAMPLE, read_week
from saving_alerts.domain.rules.messages import PLACEHOLDERS
from saving_alerts.domain.rules.quiet_hours import zone_of

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_CLOCK_EXPECTED = 'a time of day in quotes like "22:00" is expected'
_FOREIGN_PLACEHOLDER = re.compile(r"(?<!\$)\{[^{}]*\}|%\([^)]*\)s?|%s\b|<%|\{\{")
# They change the reading direction of the text behind them, so that it can look like another one.
_DIRECTION_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
MINUTES_OF_A_DAY = 24 * 60
_DATE = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}")


def read_clock(value: object) -> time:
    """A time like "22:00". Raises ValueError with the right form."""
    if isinstance(value, str):
        found = _CLOCK.fullmatch(value)
        if found:
            return time(int(found[1]), int(found[2]))
        raise ValueError(f'{_CLOCK_EXPECTED}, with two digits each, from "00:00" to "23:59"')
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < MINUTES_OF_A_DAY:
        hours, minutes = divmod(value, 60)  # YAML reads 22:00 without quotes as 1320
        raise ValueError(f'{_CLOCK_EXPECTED}; if YAML made this number, write "{hours:02}:{minutes:02}"')
    raise ValueError(_CLOCK_EXPECTED)


def read_date(value: object) -> date:
    """A day like "2026-12-24". Raises ValueError with the right form."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError('a day in quotes like "2026-12-24" is expected, year first')
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"there is no {value} in the calendar") from None


def read_app_version(value: str) -> Version:
    """Raises ValueError."""
    try:
        return Version(value)
    except InvalidVersion:
        raise ValueError('not a version: write it like "9.4" or "9.4.1"') from None


def check_timezone(value: str) -> str:
    """Raises ValueError."""
    if zone_of(value) is None:
        raise ValueError('no time zone that is known: write it like "Europe/Berlin"')
    return value


def check_hours(value: str) -> str:
    """Raises ValueError."""
    week = read_week(value)
    if week is None:
        raise ValueError(f"cannot be read: write it like {EXAMPLE}")
    if not any(week):
        raise ValueError("there is no hour in it, and a budget of no hours sends nothing: disable the rule instead")
    return value


def check_template(value: str, shown_characters: int) -> str:
    """Return `value`. Raises ValueError for unknown or foreign placeholders, invisible characters and no text.

    Also for more than `shown_characters` without the placeholders.
    """
    template = Template(value)
    if not template.is_valid():
        raise ValueError("a `$` that starts no placeholder: write `$$` for a dollar sign")
    unknown = sorted(set(template.get_identifiers()) - PLACEHOLDERS)
    if unknown:
        names = " ".join(f"${name}" for name in unknown)
        raise ValueError(f"unknown placeholder {names}; there are: {_placeholders()}")
    _refuse_unreadable(value)
    fixed = len(template.substitute(dict.fromkeys(PLACEHOLDERS, "")))
    if fixed > shown_characters:
        raise ValueError(
            f"{fixed} characters without the placeholders, but a phone shows {shown_characters}: shorten it"
        )
    return value


def _refuse_unreadable(value: str) -> None:
    foreign = _FOREIGN_PLACEHOLDER.search(value)
    if foreign:
        raise ValueError(f"{foreign[0]} would be sent as it stands; placeholders are written {_placeholders()}")
    if not value.strip():
        raise ValueError("there is nothing to read but spaces")
    for character in value:
        if unicodedata.category(character) == "Cc" or character in _DIRECTION_CONTROLS:
            raise ValueError(f"contains the invisible sign U+{ord(character):04X}: remove it, line breaks too")


def _placeholders() -> str:
    return ", ".join(f"${name}" for name in sorted(PLACEHOLDERS))
