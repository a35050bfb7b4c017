"""How moments and numbers are written on the page and in `stats`: the filters of the template. Pure."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from saving_alerts.dependencies import State
from saving_alerts.domain.holds import in_words
from saving_alerts.domain.moments import in_utc
from saving_alerts.domain.reasons import Reason
from saving_alerts.supervision.health import Condition
from saving_alerts.web import charts, icons
from saving_alerts.web.stats import PartitionLag

DAY = timedelta(days=1)
WORST_FIRST = (State.NOT_READY, State.DEGRADED, State.OFF, State.OK)
TEN = 10
_MEANINGS = {str(reason): reason.row.text for reason in Reason}


def moment(at: datetime | None, now: datetime) -> str:
    """`18:33:07`; with its date where it is not of the last 24 hours. In UTC."""
    if at is None:
        return ""
    shown = in_utc(at)
    return f"{shown:%H:%M:%S}" if timedelta(0) <= now - at < DAY else f"{shown:%Y-%m-%d %H:%M}"


def age(at: datetime, now: datetime) -> str:
    return in_words(max((now - at).total_seconds(), 0))


def ago(at: datetime, now: datetime) -> str:
    return f"{age(at, now)} ago"


def count(number: int) -> str:
    return f"{number:,}"


def rate(per_second: float) -> str:
    """Three places are enough of it, and nothing is nothing."""
    if per_second == 0:
        return "0"
    return f"{per_second:,.0f}" if per_second >= TEN else f"{per_second:.2g}"


def seconds(value: float | None) -> str:
    """Of a duration: `3 ms`, `1.2 s`, `4 min 2 s`; empty where there is none."""
    if value is None:
        return ""
    if value < 1:
        return f"{value * 1000:.0f} ms" if value >= 0.01 else f"{value * 1000:.1f} ms"  # noqa: PLR2004
    return f"{value:.1f} s" if value < TEN else in_words(value)


def worst_first(conditions: Iterable[Condition]) -> list[Condition]:
    return sorted(conditions, key=lambda each: WORST_FIRST.index(each.state))


def orphaned_first(partitions: Iterable[PartitionLag]) -> list[PartitionLag]:
    """Then the one with most records behind."""
    return sorted(partitions, key=lambda each: (each.owner is not None, -(each.records or 0)))


def without_events(decisions: Mapping[str, int]) -> str:
    return ", ".join(reason for reason, events in decisions.items() if not events) or "anything else"


def meaning(reason: str) -> str:
    return _MEANINGS.get(reason, "")


FILTERS: dict[str, Callable[..., Any]] = {
    "moment": moment,
    "age": age,
    "ago": ago,
    "count": count,
    "rate": rate,
    "seconds": seconds,
    "duration": in_words,
    "worst_first": worst_first,
    "without_events": without_events,
    "orphaned_first": orphaned_first,
    "meaning": meaning,
    "chart": charts.bars,
    "chart_words": charts.in_words,
    "css": icons.name_of,
    "sign": icons.SIGNS.get,
}
