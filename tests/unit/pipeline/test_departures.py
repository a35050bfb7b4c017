"""While the rules gather, departures pass all stages unasked; else they are no triggers, as ever."""

from dataclasses import replace
from datetime import timedelta

import pytest
from msgspec import UNSET

from saving_alerts.domain.alerts import Departure
from saving_alerts.domain.coupons import Candidate
from saving_alerts.domain.events import EventType
from saving_alerts.domain.reasons import Reason
from saving_alerts.pipeline import steps
from saving_alerts.pipeline.outcomes import Decided, Forward
from saving_alerts.reference_data.snapshot import Snapshot
from tests.support.fakes.clock import START, FakeClock
from tests.support.fakes.coupon_source import FakeCouponSource
from tests.support.sample_events import DEADLINE, FRESHNESS, coupon, encoded, event, snapshot, source_record, validated

EXIT = event(EventType.GEOFENCE_EXITED)


def gathering(seconds: float = 10, trigger: EventType = EventType.GEOFENCE_ENTERED) -> Snapshot:
    data = snapshot()
    rules = tuple(replace(rule, event_types=frozenset({trigger})) for rule in data.rules.rules)
    freshness = dict.fromkeys((trigger, EventType.GEOFENCE_EXITED), FRESHNESS)
    within = timedelta(seconds=seconds)
    return replace(data, rules=replace(data.rules, rules=rules, freshness=freshness, choose_within=within))


def test_a_departure_passes_validate_while_arrivals_are_gathered() -> None:
    assert isinstance(steps.validate(source_record(encoded(EXIT)), gathering(), START), Forward)


@pytest.mark.parametrize(
    "data",
    [gathering(seconds=0), gathering(trigger=EventType.OFFER_VIEWED)],
    ids=["nothing is gathered", "nobody listens to arrivals"],
)
def test_else_it_is_no_trigger(data: Snapshot) -> None:
    outcome = steps.validate(source_record(encoded(EXIT)), data, START)

    assert isinstance(outcome, Decided)
    assert outcome.reason is Reason.NOT_A_TRIGGER


@pytest.mark.asyncio
async def test_the_coupon_api_is_not_asked_for_it() -> None:
    clock = FakeClock()
    source = FakeCouponSource(clock)

    outcome = await steps.query_coupons(validated(EXIT), gathering(), (), source, clock)

    assert outcome == Forward(Candidate(validated=validated(EXIT), coupons=(), looked_at=START))


def test_it_goes_on_to_dispatch_as_what_it_is() -> None:
    departure = steps.departure(Candidate(validated=validated(EXIT), coupons=()), gathering(), START)

    assert isinstance(departure, Departure)
    assert (departure.position, departure.event_id, departure.store_id) == (validated().position, "event-7", "s-1")


def test_a_late_one_and_one_that_a_rule_listens_to_go_the_way_of_every_event() -> None:
    candidate = Candidate(validated=validated(EXIT), coupons=())

    assert steps.departure(candidate, gathering(), DEADLINE) is None
    assert steps.departure(candidate, gathering(trigger=EventType.GEOFENCE_EXITED), START) is None
    assert steps.departure(Candidate(validated=validated(), coupons=()), gathering(), START) is None


@pytest.mark.parametrize(("seconds", "has_stakes"), [(10, True), (0, False)])
def test_an_alert_says_what_it_is_weighed_by_only_where_alerts_are_gathered(
    seconds: float, *, has_stakes: bool
) -> None:
    candidate = Candidate(validated=validated(), coupons=(coupon(),))

    outcome = steps.evaluate_rules(candidate, gathering(seconds), START)

    assert isinstance(outcome, Forward)
    assert (outcome.value.stakes is not UNSET) == has_stakes
