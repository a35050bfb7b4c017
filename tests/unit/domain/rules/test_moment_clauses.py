"""The clauses about the moment: days of a campaign, dwell, and store hours; and until when they hold."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saving_alerts.domain.events import EventType
from saving_alerts.domain.merchants import Merchant, Store
from saving_alerts.domain.opening_hours import Opening
from saving_alerts.domain.rules.clauses import Clause, end_of, is_until
from saving_alerts.domain.rules.evaluation import Match, NoMatch, Refusal
from saving_alerts.domain.rules.evaluation_context import EvaluationContext
from saving_alerts.domain.rules.quiet_hours import known_zones
from saving_alerts.domain.rules.rule import Rule
from tests.unit.domain.rules.test_evaluation import LINK, coupon, evaluate, event, refused_without_coupons, rule

# A Monday: 10:15 in UTC, 11:15 in Berlin.
NOW = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
BERLIN = "Europe/Berlin"


def shop(hours: str | None, zone: str = BERLIN) -> Merchant:
    opening = None if hours is None else Opening(timezone=zone, hours=hours)
    return Merchant(merchant_id="m-1", names={}, stores=(Store("s-1", 0, 0, opening),))


def result(of: Rule, merchant: Merchant | None = None, now: datetime = NOW, timezone: str = "UTC") -> Match | NoMatch:
    """It is the same without the coupons, where it is a no."""
    found = evaluate([of], event(timezone=timezone), merchant or shop(None), (coupon(deep_link=LINK),), now)
    early = refused_without_coupons([of], event(timezone=timezone), merchant or shop(None), now)
    assert early == (found if isinstance(found, NoMatch) else None)
    return found


@pytest.mark.parametrize(
    ("hours", "minutes", "because"),
    [
        pytest.param("Mo 09:00-20:00", 15, None, id="open"),
        pytest.param("Mo 09:00-11:30", 15, None, id="just long enough"),
        pytest.param("Mo 09:00-11:29", 15, "the store closes at 11:29 of its clock", id="not long enough"),
        pytest.param("Mo 09:00-11:16", 0, None, id="any time will do"),
        pytest.param("Mo 12:00-20:00", 0, "the store is closed on 2026-11-23 at 11:15 of its clock", id="closed"),
        pytest.param(None, 0, "nobody knows when the store is open", id="unknown"),
    ],
)
def test_a_store_must_be_open_for_so_many_minutes(hours: str | None, minutes: float, because: str | None) -> None:
    found = result(rule(open_for_minutes=minutes), shop(hours))

    if because is None:
        assert isinstance(found, Match)
    else:
        assert found.refusals == (Refusal("r-1", Clause.OPEN_FOR_MINUTES, because),)


def test_the_clock_is_the_store_s_and_not_the_phone_s() -> None:
    at_noon = shop("Mo 12:00-14:00", "Asia/Karachi")

    assert isinstance(result(rule(open_for_minutes=0), at_noon), NoMatch)
    assert isinstance(result(rule(open_for_minutes=0), at_noon, timezone="Asia/Karachi"), NoMatch)
    assert isinstance(result(rule(open_for_minutes=0), shop("Mo 15:00-16:00", "Asia/Karachi")), Match)
    assert isinstance(result(rule(open_for_minutes=0), shop("24/7"), timezone="Mars/Base"), Match)


def test_unknown_hours_are_a_yes_only_where_the_rule_says_so() -> None:
    assert isinstance(result(rule(open_for_minutes=0, unknown_hours_pass=True), shop(None)), Match)
    assert isinstance(result(rule(open_for_minutes=0, unknown_hours_pass=True), shop("Mo off")), NoMatch)


@pytest.mark.parametrize(
    ("first", "last", "timezone", "refused"),
    [
        pytest.param("2026-11-23", "2026-11-23", "UTC", None, id="its only day"),
        pytest.param("2026-11-24", None, "UTC", "active_from", id="the day before"),
        pytest.param(None, "2026-11-22", "UTC", "active_until", id="the day after"),
        pytest.param("2026-11-24", None, "Pacific/Kiritimati", None, id="the user's day has begun"),
        pytest.param(None, "2026-11-22", "Pacific/Pago_Pago", None, id="the user's day has not ended"),
        pytest.param("2020-01-01", "2030-01-01", "Mars/Base", "time_zone", id="nobody knows the user's day"),
    ],
)
def test_a_campaign_has_its_days_on_the_user_s_calendar(
    first: str | None, last: str | None, timezone: str, refused: str | None
) -> None:
    days = {name: date.fromisoformat(day) for name, day in (("active_from", first), ("active_until", last)) if day}

    found = result(rule(**days), timezone=timezone)  # type: ignore[arg-type] # the two fields with a day

    assert [str(each.clause) for each in found.refusals] == ([refused] if refused else [])


@pytest.mark.parametrize(("dwelled", "is_chosen"), [(120, True), (119.9, False), (None, False)])
def test_a_dwell_must_be_long_enough_and_said(dwelled: float | None, *, is_chosen: bool) -> None:
    asked = rule(event_types=frozenset({EventType.GEOFENCE_DWELLED}), min_dwell_seconds=120)
    dwelling = event(EventType.GEOFENCE_DWELLED, dwell_seconds=dwelled)

    found = evaluate([asked], dwelling, shop(None), (coupon(deep_link=LINK),), NOW)

    assert isinstance(found, Match) is is_chosen
    assert is_chosen or found.refusals == (Refusal("r-1", Clause.MIN_DWELL_SECONDS),)


@pytest.mark.parametrize(
    ("of", "ends"),
    [
        pytest.param(rule(), None, id="for good"),
        pytest.param(
            rule(open_for_minutes=15), (NOW + timedelta(hours=8, minutes=30), Clause.OPEN_FOR_MINUTES), id="the store"
        ),
        pytest.param(
            rule(active_until=date(2026, 11, 23)),
            (datetime(2026, 11, 23, 23, tzinfo=UTC), Clause.ACTIVE_UNTIL),
            id="the campaign, at the user's midnight",
        ),
        pytest.param(
            rule(open_for_minutes=0, active_until=date(2026, 11, 23)),
            (datetime(2026, 11, 23, 19, tzinfo=UTC), Clause.OPEN_FOR_MINUTES),
            id="the first of both",
        ),
    ],
)
def test_a_match_says_until_when_it_is_one(of: Rule, ends: tuple[datetime, Clause] | None) -> None:
    found = result(of, shop("Mo 09:00-20:00"), timezone=BERLIN)

    assert isinstance(found, Match)
    assert found.ends == ends


def test_a_store_of_which_nobody_knows_does_not_end_a_match() -> None:
    found = result(rule(open_for_minutes=15, unknown_hours_pass=True), shop(None))

    assert isinstance(found, Match)
    assert found.ends is None


@given(
    st.sampled_from(sorted(known_zones())),
    st.dates(date(2026, 1, 1), date(2026, 12, 31)),
    st.integers(-36 * 60, 36 * 60),
)
@settings(deadline=None)
def test_a_campaign_ends_at_the_first_moment_of_the_day_behind_it(zone: str, day: date, minutes: int) -> None:
    """Clocks that are turned at midnight included."""
    now = datetime(day.year, day.month, day.day, 12, tzinfo=UTC) + timedelta(minutes=minutes)
    context = EvaluationContext(event(timezone=zone), None, now)

    ends = end_of(day)(context)

    assert ends is not None
    assert is_until(day)(context) is (now < ends)
