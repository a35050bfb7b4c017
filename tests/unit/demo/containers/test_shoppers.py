"""What the shoppers of a load expect is what the domain says about its events."""

from datetime import UTC, datetime
from itertools import islice

import msgspec
import pytest

from demo.containers.coupon_api import coupons_of
from demo.containers.setup import container_rules
from demo.containers.shoppers import EVENTS_PER_ROUND, Shoppers
from demo.stub_apis.faults import Behaviour
from demo.traffic import merchants_jsonl
from demo.traffic.paced_producer import Record
from saving_alerts.domain.coupons import Coupon, usable
from saving_alerts.domain.deadlines import deadline_of
from saving_alerts.domain.events import MAX_AHEAD_OF_OUR_CLOCK, Problem, SavingEvent, read_event
from saving_alerts.domain.merchants import Merchant
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules.evaluation import Match, evaluate, refused_without_coupons
from saving_alerts.domain.rules.evaluation_context import EvaluationContext
from saving_alerts.domain.rules_file.compiler import read_rules

ROUNDS = 80  # more than there are ways to spoil an event
LONG = 60.0
RULES = read_rules(container_rules())
MERCHANTS = {
    merchant.merchant_id: merchant
    for merchant in (msgspec.json.decode(line, type=Merchant) for line in merchants_jsonl().splitlines())
}


class RecordedBehaviours:
    """Records the behaviours that are set for a push API."""

    def __init__(self) -> None:
        self.behaviours: list[tuple[str, Behaviour]] = []

    def behave(self, user_id: str, behaviour: Behaviour) -> None:
        self.behaviours.append((user_id, behaviour))


def answer(record: Record) -> Reason:
    """How the event ends by the domain alone, for a user who has had no push."""
    event, now = read_event(record.value()), datetime.now(UTC)
    if isinstance(event, Problem) or event.received_at > now + MAX_AHEAD_OF_OUR_CLOCK:
        return Reason.INVALID
    if event.type not in RULES.triggers:
        return Reason.NOT_A_TRIGGER
    if now >= deadline_of(event, RULES.freshness[event.type], now):
        return Reason.EXPIRED
    return answer_of_fresh_trigger(event, now) if event.push.consent else Reason.NO_CONSENT


def answer_of_fresh_trigger(event: SavingEvent, now: datetime) -> Reason:
    merchant = MERCHANTS[event.merchant_id or ""]
    context = EvaluationContext(event, merchant, now)
    if refused := refused_without_coupons(RULES, context):
        return refused.reason
    found = coupons_of(event.user_id, merchant.merchant_id)
    coupons = () if isinstance(found, int) else tuple(msgspec.convert(found, list[Coupon]))
    kept = tuple(coupon for coupon in coupons if usable(coupon, event.store_id, now))
    if not kept:
        return Reason.NO_COUPON
    result = evaluate(RULES, context, kept)
    return Reason.PUSHED if isinstance(result, Match) else result.reason


@pytest.fixture
def shoppers() -> Shoppers:
    return Shoppers("test", RecordedBehaviours().behave)


def test_every_event_ends_as_the_domain_says(shoppers: Shoppers) -> None:
    events = list(islice(shoppers.events(LONG), ROUNDS * EVENTS_PER_ROUND))

    answers = [(event.name, answer(event)) for event in events]

    assert [each for each in answers if each[1] not in shoppers.expected[each[0]]] == []


def test_every_reason_that_needs_no_failing_dependency_but_the_cap_occurs(shoppers: Shoppers) -> None:
    found = {answer(event) for event in islice(shoppers.events(LONG), EVENTS_PER_ROUND)}

    assert found == {
        Reason.INVALID,
        Reason.NOT_A_TRIGGER,
        Reason.EXPIRED,
        Reason.NO_CONSENT,
        Reason.QUIET_HOURS,
        Reason.NO_COUPON,
        Reason.PUSHED,
    }


def test_names_are_told_apart(shoppers: Shoppers) -> None:
    names = [event.name for event in islice(shoppers.events(LONG), ROUNDS * EVENTS_PER_ROUND)]

    assert len(set(names)) == len(names) == len(shoppers.expected)


def test_only_what_was_handed_out_is_expected(shoppers: Shoppers) -> None:
    handed_out = [event.name for event in islice(shoppers.events(LONG), EVENTS_PER_ROUND + 3)]

    assert list(shoppers.expected) == handed_out


def test_no_events_come_when_the_time_is_over(shoppers: Shoppers) -> None:
    assert list(shoppers.events(0)) == []


def test_some_pushes_are_unclear_at_first() -> None:
    recorded = RecordedBehaviours()

    list(islice(Shoppers("test", recorded.behave).events(LONG), ROUNDS * EVENTS_PER_ROUND))

    assert {behaviour.fault for _, behaviour in recorded.behaviours} == {"status", "ambiguous_accepted"}
