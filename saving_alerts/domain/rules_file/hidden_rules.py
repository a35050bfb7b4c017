"""Rules that another one always hides: it is tried before them, and says yes to everything that they say yes to."""

import math
from collections.abc import Sequence

from saving_alerts.domain.rules.quiet_hours import QuietHours
from saving_alerts.domain.rules.rule import Rule
from saving_alerts.domain.rules_file.globs import covers, overlaps

_ALL = 100


def hidden_by(rule: Rule, earlier: Sequence[Rule]) -> Rule | None:
    """The first of the rules tried before it that always wins in its place; None where that is not certain."""
    return next((each for each in earlier if _hides(each, rule)), None)


def _hides(one: Rule, other: Rule) -> bool:
    return (
        one.event_types >= other.event_types
        and one.rollout_percent >= _ALL
        and _is_as_wide(one, other)
        and _has_days_of(one, other)
        and (one.when is None or one.when == other.when)
        and _is_as_loud(one.quiet_hours, other.quiet_hours)
        and _has_merchants_of(one, other)
    )


def _is_as_wide(one: Rule, other: Rule) -> bool:
    """A limit of the one is met whenever that of the other is."""
    return (
        _is_at_most(one.min_discount_percent, other.min_discount_percent)
        and _is_at_most(one.min_dwell_seconds, other.min_dwell_seconds)
        and _is_at_most(one.open_for_minutes, other.open_for_minutes)
        and (one.open_for_minutes is None or one.unknown_hours_pass or not other.unknown_hours_pass)
        and _takes_versions_of(one, other)
        and (one.max_distance_m is None or one.max_distance_m >= (other.max_distance_m or math.inf))
    )


def _is_at_most(least: float | None, other: float | None) -> bool:
    return least is None or (other is not None and least <= other)


def _takes_versions_of(one: Rule, other: Rule) -> bool:
    least = one.min_app_version
    return least is None or (other.min_app_version is not None and bool(least <= other.min_app_version))


def _has_days_of(one: Rule, other: Rule) -> bool:
    if one.weekdays is not None and (other.weekdays is None or not one.weekdays >= other.weekdays):
        return False
    first, last = one.active_from, one.active_until
    if first is not None and (other.active_from is None or first > other.active_from):
        return False
    return last is None or (other.active_until is not None and last >= other.active_until)


def _is_as_loud(one: QuietHours | None, other: QuietHours | None) -> bool:
    return one is None or one == other


def _has_merchants_of(one: Rule, other: Rule) -> bool:
    if not covers(one.allow, other.allow):
        return False
    left = [glob for glob in one.deny if not covers(other.deny, [glob])]
    return not any(overlaps(denied, allowed) for denied in left for allowed in other.allow)
