"""The days of a budget in every zone, and how it is spread: never too much, all of it in time."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.budgets import (
    LENT_AHEAD,
    MILLISECOND,
    Budget,
    BudgetDay,
    budget_days,
    day_of,
    free_from,
    openings_of,
    released,
)
from saving_alerts.domain.merchants import Merchant, Store
from saving_alerts.domain.opening_hours import Opening
from saving_alerts.domain.rules.quiet_hours import known_zones, zone_of

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
moments = st.datetimes(datetime(2019, 1, 1), datetime(2030, 1, 1)).map(lambda each: each.replace(tzinfo=UTC))  # noqa: DTZ001 - it gets its zone
WEEKS = ("24/7", "Mo-Fr 09:00-12:30,14:00-20:00; Sa 10:00-02:00; Su off", "Mo-Su 22:00-06:00", "Mo-Su 00:00-24:00")
zones = st.sampled_from(sorted(known_zones()))
budgets = st.builds(Budget, st.integers(1, 5_000), zones, st.sampled_from((None, *WEEKS)))


def day(pushes: int, *spans: tuple[int, int]) -> BudgetDay:
    begins = datetime(2026, 11, 27, tzinfo=UTC)
    hours = tuple((begins + timedelta(hours=opens), begins + timedelta(hours=closes)) for opens, closes in spans)
    return BudgetDay("merchant:m-1", pushes, begins, begins + timedelta(days=1), hours or ((begins, begins),))


@given(budgets, moments)
def test_each_moment_is_in_one_day_that_begins_at_midnight_of_its_zone(budget: Budget, now: datetime) -> None:
    today = day_of("rule:r", budget, (), now)
    zone = zone_of(budget.timezone or "")

    assert today.begins <= now < today.ends
    assert today.begins.astimezone(zone).date() < today.ends.astimezone(zone).date()
    assert day_of("rule:r", budget, (), today.ends).begins == today.ends
    assert day_of("rule:r", budget, (), today.ends - MILLISECOND) == day_of("rule:r", budget, (), today.begins)


@given(budgets, moments)
def test_the_spans_of_a_day_are_in_it_in_order_and_apart(budget: Budget, now: datetime) -> None:
    today = day_of("rule:r", budget, (), now)
    edges = [edge for span in today.spans for edge in span]

    assert edges == sorted(set(edges))
    assert today.begins <= edges[0]
    assert edges[-1] <= today.ends


@given(budgets, moments, st.lists(st.integers(0, 25 * 60), min_size=2, max_size=20))
def test_what_is_out_grows_to_the_whole_budget_before_it_closes(
    budget: Budget, now: datetime, minutes: list[int]
) -> None:
    today = day_of("rule:r", budget, (), now)
    out = [released(today, today.begins + timedelta(minutes=each)) for each in sorted(minutes)]

    assert out == sorted(out)
    assert out[-1] <= today.pushes
    assert released(today, today.begins) == -(-today.pushes // LENT_AHEAD)
    assert released(today, today.spans[-1][1]) == today.pushes


@given(budgets, moments, st.data())
def test_one_more_is_out_from_the_moment_that_is_told_and_not_before(
    budget: Budget, now: datetime, data: st.DataObject
) -> None:
    today = day_of("rule:r", budget, (), now)
    charged = data.draw(st.integers(released(today, today.begins), today.pushes))
    at = free_from(today, charged)

    assert charged == today.pushes or released(today, at) > charged
    assert at == today.ends or released(today, at - MILLISECOND) <= charged


def test_half_of_the_hours_give_half_of_the_budget_and_a_twelfth() -> None:
    today = day(120, (9, 13), (14, 22))

    assert [released(today, today.begins + timedelta(hours=hour)) for hour in (0, 9, 10, 13, 14, 15, 21, 22, 23)] == [
        10,
        10,
        20,
        50,
        50,
        60,
        120,
        120,
        120,
    ]


@given(budgets, moments, st.integers(1, 5_000), st.integers(0, 25 * 60))
def test_what_was_out_of_one_budget_and_is_left_of_another_is_never_more_than_either(
    budget: Budget, now: datetime, pushes: int, minutes: int
) -> None:
    """What a Redis that lost its data relies on, where the budget has been changed on that day."""
    today = day_of("rule:r", budget, (), now)
    changed = day_of("rule:r", Budget(pushes, budget.timezone, budget.hours), (), now)
    at = today.begins + timedelta(minutes=minutes)

    assert released(today, at) + changed.pushes - released(changed, at) <= max(today.pushes, changed.pushes)


@pytest.mark.parametrize(
    ("zone", "date", "hours"),
    [
        ("Europe/Berlin", datetime(2026, 3, 29, 12, tzinfo=UTC), 23),
        ("Europe/Berlin", datetime(2026, 10, 25, 12, tzinfo=UTC), 25),
        ("Asia/Kolkata", NOON, 24),
        ("Africa/Cairo", datetime(2026, 4, 24, 12, tzinfo=UTC), 23),  # at midnight itself
    ],
)
def test_a_day_is_as_long_as_its_clock_says(zone: str, date: datetime, hours: int) -> None:
    today = day_of("rule:r", Budget(10, zone), (), date)

    assert today.ends - today.begins == timedelta(hours=hours)


def merchant(*openings: Opening | None, own: Opening | None = None) -> Merchant:
    stores = tuple(Store(f"s-{number}", 0, 0, each) for number, each in enumerate(openings))
    return Merchant(merchant_id="m-1", names={}, stores=stores, opening=own)


def test_a_merchants_day_is_that_of_its_stores_and_open_when_one_of_them_is() -> None:
    berlin = Opening(timezone="Europe/Berlin")
    stores = merchant(Opening(hours="Mo-Fr 09:00-12:00"), Opening(hours="Mo-Fr 11:00-18:00"), None, own=berlin)

    (today,) = budget_days({"merchant:m-1": Budget(10)}, "r", stores, "m-1", NOON)

    assert today.begins == datetime(2026, 11, 26, 23, tzinfo=UTC)
    assert today.spans == ((datetime(2026, 11, 27, 8, tzinfo=UTC), datetime(2026, 11, 27, 17, tzinfo=UTC)),)


@pytest.mark.parametrize(
    "known",
    [None, merchant(), merchant(Opening(timezone="Asia/Tokyo", hours="Mo off"), Opening(hours="24/7", timezone="UTC"))],
    ids=["nothing", "no hours", "two zones"],
)
def test_where_nobody_says_when_a_day_begins_it_is_that_of_utc(known: Merchant | None) -> None:
    today = day_of("merchant:m-1", Budget(10), openings_of(known), NOON)

    assert (today.begins, today.ends) == (NOON.replace(hour=0), NOON.replace(hour=0) + timedelta(days=1))


def test_on_a_day_on_which_nothing_is_open_it_is_spread_over_all_of_it() -> None:
    closed = Opening(timezone="UTC", hours="24/7", closed_days=("2026-11-27",))
    today = day_of("merchant:m-1", Budget(10), (closed,), NOON)

    assert today.spans == ((today.begins, today.ends),)


def test_a_push_counts_for_its_merchant_and_for_its_rule() -> None:
    of_both = {"merchant:m-1": Budget(10), "rule:r": Budget(5), "rule:m-1": Budget(1), "merchant:r": Budget(1)}

    assert [each.name for each in budget_days(of_both, "r", None, "m-1", NOON)] == ["merchant:m-1", "rule:r"]
    assert budget_days({}, "r", None, "m-1", NOON) == ()
