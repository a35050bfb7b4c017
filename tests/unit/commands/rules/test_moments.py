"""Who looks at a text is told when shoppers get it: the days, the dwell, and how many stores are open now."""

from dataclasses import replace
from datetime import UTC, date, datetime

from saving_alerts.commands.rules.moments import moment_notes
from saving_alerts.domain.merchants import Merchant, Store
from saving_alerts.domain.opening_hours import Opening
from tests.support.sample_events import snapshot

(RULE,) = snapshot().rules.rules
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)  # a Monday


def store(number: int, hours: str | None) -> Store:
    return Store(f"s-{number}", 0, 0, None if hours is None else Opening(timezone="UTC", hours=hours))


def test_a_rule_that_asks_for_no_moment_has_no_notes() -> None:
    assert list(moment_notes(RULE, Merchant(merchant_id="m-1", names={}), NOW)) == []


def test_days_and_dwell_are_told() -> None:
    rule = replace(RULE, active_from=date(2026, 11, 29), active_until=date(2026, 12, 24), min_dwell_seconds=120)

    notes = list(moment_notes(rule, Merchant(merchant_id="m-1", names={}), NOW))

    assert notes == ["from 2026-11-29 on", "until 2026-12-24", "after 120 s at the store"]


def test_stores_that_are_open_for_long_enough_are_counted_and_so_are_those_of_which_nobody_knows() -> None:
    hours = ("24/7", "Mo 10:00-12:15", "Mo 10:00-12:14", "Mo off", None)
    merchant = Merchant(merchant_id="m-1", names={}, stores=tuple(map(store, range(5), hours)))

    (note,) = moment_notes(replace(RULE, open_for_minutes=15), merchant, NOW)

    assert note == "2 of 5 stores are open for 15 more minutes now; of 1 nobody knows, and the rule says no"
