"""Until when a store is open, by its own clock. Where the clock changes it is closed in doubt."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from saving_alerts.domain.merchants import Merchant
from saving_alerts.domain.opening_hours import MINUTES_OF_A_DAY, Opening, read_week
from saving_alerts.domain.rules.quiet_hours import zone_of

# Days that are looked at, counted from the store's today: yesterday's last span may go over midnight, and two days
# ahead are more than the longest freshness with the most minutes that a rule may ask for.
_FIRST_DAY, _LAST_DAY = -1, 2
_REMEMBERED = 4096  # openings and days: stores of one chain have the same
_UNKNOWN = Opening()
_Wall = tuple[datetime, datetime]  # a span as the clock on the wall shows it, without a zone


def opening_of(merchant: Merchant | None, store_id: str | None) -> Opening | None:
    """What is known of the store, or of the only one if the event names none. None if zone or week are not known."""
    if merchant is None:
        return None
    stores = merchant.stores
    known = next((each for each in stores if each.store_id == store_id), None)
    if store_id is None and len(stores) == 1:
        known = stores[0]
    if known is None:
        return None
    own, general = known.opening or _UNKNOWN, merchant.opening or _UNKNOWN
    timezone, hours = own.timezone or general.timezone, own.hours or general.hours
    if timezone is None or hours is None:
        return None
    return Opening(timezone=timezone, hours=hours, closed_days=own.closed_days + general.closed_days)


def open_until(opening: Opening, now: datetime) -> datetime | None:
    """When it closes, in UTC; None if it is closed now, or if zone or week cannot be read.

    Two days and more ahead stand for later as well.
    """
    return next((closes for opens, closes in opening_spans(opening, now) if opens <= now < closes), None)


def opening_spans(opening: Opening, moment: datetime) -> tuple[tuple[datetime, datetime], ...]:
    """When it is open, in UTC, from the day before the moment to two days after it, by its own clock."""
    zone = zone_of(opening.timezone or "")
    return () if zone is None else _spans(opening, moment.astimezone(zone).date())


def in_words(opening: Opening | None, closes: datetime | None, now: datetime) -> str:
    """Why it is not open for long enough."""
    zone = zone_of((opening and opening.timezone) or "")
    if opening is None or zone is None:
        return "nobody knows when the store is open"
    if closes is None:
        return f"the store is closed on {now.astimezone(zone):%Y-%m-%d at %H:%M} of its clock"
    return f"the store closes at {closes.astimezone(zone):%H:%M} of its clock"


@lru_cache(maxsize=_REMEMBERED)
def _spans(opening: Opening, today: date) -> tuple[tuple[datetime, datetime], ...]:
    """When it is open around that day, in UTC.

    A clock that is turned back shows some times twice, one that is turned on passes over some: it opens at the later
    and closes at the earlier of the two moments that can be meant.
    """
    zone = zone_of(opening.timezone or "")
    if zone is None:
        return ()
    moments = ((max(_readings(begin, zone)), min(_readings(end, zone))) for begin, end in _joined(opening, today))
    return tuple((opens, closes) for opens, closes in moments if opens < closes)


def _readings(wall: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return first, second


def _joined(opening: Opening, today: date) -> list[_Wall]:
    """Spans that meet or overlap are one: a store that closes and opens at midnight does not close."""
    joined: list[_Wall] = []
    for begin, end in sorted(_walls(opening, today)):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((begin, end))
    return joined


def _walls(opening: Opening, today: date) -> Iterator[_Wall]:
    """On a closed day nothing begins, and what goes on from the day before ends at midnight."""
    week = read_week(opening.hours or "")
    for day in (today + timedelta(days=number) for number in range(_FIRST_DAY, _LAST_DAY + 1)):
        if week is None or day.isoformat() in opening.closed_days:
            continue
        midnight = datetime.combine(day, datetime.min.time())
        last = MINUTES_OF_A_DAY
        if (day + timedelta(days=1)).isoformat() not in opening.closed_days:
            last += MINUTES_OF_A_DAY
        for begin, end in week[day.weekday()]:
            yield midnight + timedelta(minutes=begin), midnight + timedelta(minutes=min(end, last))
