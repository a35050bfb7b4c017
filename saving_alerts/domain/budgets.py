"""How many pushes a merchant, or a rule, may get on a day, and how they are spread over open hours (docs/adr/0056).

At every moment of a day so much of its budget is out: the part of the open time that is over, and a twelfth more. So
all of it is out a while before closing. What was not taken can be taken later. The claim scripts compute the same.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

from saving_alerts.domain.merchants import Merchant
from saving_alerts.domain.moments import EPOCH
from saving_alerts.domain.opening_hours import Opening
from saving_alerts.domain.rules.quiet_hours import zone_of
from saving_alerts.domain.rules.store_hours import opening_spans

# A twelfth: of twelve hours the first one's part is out at opening, and the last one's an hour before closing, when a
# rule may begin to say that the store closes too soon. RELEASED_AHEAD in claim_scripts/budgets.lua.
LENT_AHEAD = 12
# Times the milliseconds of a day and the twelfths it is a number that Lua can count exactly.
MAX_PUSHES_PER_DAY = 1_000_000
MILLISECOND = timedelta(milliseconds=1)
_REMEMBERED = 4096  # days of budgets
_UNKNOWN = Opening()

Span = tuple[datetime, datetime]


class Budget(msgspec.Struct, frozen=True):
    """At most `pushes` a day. `timezone` says when a day begins, `hours` (as of a store) over what it is spread."""

    pushes: int
    timezone: str | None = None
    hours: str | None = None

    def __str__(self) -> str:
        return ", ".join(filter(None, (f"{self.pushes:,} a day", self.timezone, self.hours)))


class BudgetDay(msgspec.Struct, frozen=True):
    """One day of a budget, in UTC, from `begins` up to, not including, `ends`; `spans` of it, in order, are open."""

    name: str
    pushes: int
    begins: datetime
    ends: datetime
    spans: tuple[Span, ...]


def of_rule(rule_id: str) -> str:
    """The name of a rule's budget."""
    return f"rule:{rule_id}"


def of_merchant(merchant_id: str) -> str:
    return f"merchant:{merchant_id}"


def budget_days(
    budgets: Mapping[str, Budget], rule_id: str, merchant: Merchant | None, merchant_id: str, now: datetime
) -> tuple[BudgetDay, ...]:
    """Today of each budget that a push counts for, by name."""
    if not budgets:
        return ()
    found = []
    if (budget := budgets.get(of_merchant(merchant_id))) is not None:
        openings = openings_of(merchant)
        found.append(day_of(of_merchant(merchant_id), budget, openings, now))
    if (budget := budgets.get(of_rule(rule_id))) is not None:
        found.append(day_of(of_rule(rule_id), budget, (), now))
    return tuple(found)


def openings_of(merchant: Merchant | None) -> tuple[Opening, ...]:
    """The different ones of its stores, as far as zone and week are known; of a merchant without stores its own."""
    if merchant is None:
        return ()
    general = merchant.opening or _UNKNOWN
    own = {id(store.opening): store.opening or _UNKNOWN for store in merchant.stores} or {0: _UNKNOWN}
    merged = dict.fromkeys(_merged(each, general) for each in own.values())
    return tuple(each for each in merged if each.timezone is not None and each.hours is not None)


def _merged(own: Opening, general: Opening) -> Opening:
    return Opening(
        timezone=own.timezone or general.timezone,
        hours=own.hours or general.hours,
        closed_days=own.closed_days + general.closed_days,
    )


def zone_name(budget: Budget, openings: tuple[Opening, ...]) -> str | None:
    """In which zone its days begin: its own, else that of all the stores. None: nobody says, or they differ."""
    zones = {each.timezone for each in openings}
    return budget.timezone or (zones.pop() if len(zones) == 1 else None)


def day_of(name: str, budget: Budget, openings: tuple[Opening, ...], now: datetime) -> BudgetDay:
    """The day of a budget that has this moment. Where nobody says when a day begins, it is UTC's."""
    zone = zone_of(zone_name(budget, openings) or "") or ZoneInfo("UTC")
    if budget.hours is not None:
        openings = (Opening(timezone=zone.key, hours=budget.hours),)
    today = now.astimezone(zone).date()
    if now >= _midnight(today + timedelta(days=1), zone):  # a clock that was turned back over midnight
        today += timedelta(days=1)
    return _day(name, budget, openings, zone, today)


@lru_cache(maxsize=_REMEMBERED)
def _day(name: str, budget: Budget, openings: tuple[Opening, ...], zone: ZoneInfo, today: date) -> BudgetDay:
    begins, ends = _midnight(today, zone), _midnight(today + timedelta(days=1), zone)
    spans = (span for opening in openings for span in opening_spans(opening, begins))
    open_then = tuple(_joined((max(opens, begins), min(closes, ends)) for opens, closes in spans))
    return BudgetDay(name, budget.pushes, begins, ends, open_then or ((begins, ends),))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """Its first one; where clocks are turned on over it, the moment at which they are."""
    return datetime.combine(day, datetime.min.time(), zone).astimezone(UTC)


def _joined(spans: Iterable[Span]) -> list[Span]:
    joined: list[Span] = []
    for opens, closes in sorted(span for span in spans if span[0] < span[1]):
        if joined and opens <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(closes, joined[-1][1]))
        else:
            joined.append((opens, closes))
    return joined


def released(day: BudgetDay, at: datetime) -> int:
    """How many of the day's pushes are out: never fewer later, and all of them before the last span ends."""
    over = sum(_milliseconds(min(max(at, opens), closes) - opens) for opens, closes in day.spans)
    length = _length(day)
    return min(day.pushes, -(-day.pushes * (LENT_AHEAD * over + length) // (LENT_AHEAD * length)))


def free_from(day: BudgetDay, charged: int) -> datetime:
    """From when on one more than `charged` is out; the end of the day if that is all of it."""
    if charged >= day.pushes:
        return day.ends
    length = _length(day)
    over = max(0, (LENT_AHEAD * charged - day.pushes) * length // (LENT_AHEAD * day.pushes) + 1)
    for opens, closes in day.spans:
        if over <= (here := _milliseconds(closes - opens)):
            return opens + over * MILLISECOND
        over -= here
    return day.ends


def _length(day: BudgetDay) -> int:
    return sum(_milliseconds(closes - opens) for opens, closes in day.spans)


def _milliseconds(span: timedelta) -> int:
    return span // MILLISECOND


def in_milliseconds(moment: datetime) -> int:
    """Since 1970."""
    return (moment - EPOCH) // MILLISECOND
