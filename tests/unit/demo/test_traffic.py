from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice

import msgspec
import pytest

from demo.stub_apis.coupon_api import CouponApi, catalogue_of
from demo.stub_apis.faults import Behaviour
from demo.stub_apis.push_api import PushApi
from demo.traffic import Expectation, PlannedEvent, Traffic, endless, make_traffic, merchants_jsonl, rules_json
from demo.traffic.cities import TimeOfDay, cities
from demo.traffic.invalid import CORRUPTIONS, UNREADABLE
from saving_alerts.domain.coupons import Coupon, usable
from saving_alerts.domain.deadlines import deadline_of
from saving_alerts.domain.events import MAX_AHEAD_OF_OUR_CLOCK, Problem, SavingEvent, read_event
from saving_alerts.domain.merchants import Merchant
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules.evaluation import Match, evaluate, refused_without_coupons
from saving_alerts.domain.rules.evaluation_context import EvaluationContext
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.domain.rules_file.compiler import read_rules

SEED = 7
EVENTS = 20_000
NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
AROUND_THE_CLOCK = [NOW + timedelta(hours=hours) for hours in range(0, 24, 6)]
# An attempt counts against its event only if others are answered: in short traffic few come after it.
NEVER_CERTAIN = {Reason.COUPON_API_FAILED}
NEVER_BUILT = {
    *(Reason.HELD_OUT, Reason.KILLED, Reason.WOULD_PUSH, Reason.CONTROL, Reason.DEAD_LETTER),
    *(Reason.OUTBID, Reason.LEFT, Reason.BUDGET_SPENT),  # the rules of the demo do not gather, and have no budgets
}
UNCLEAR_FAULTS = {"hang", "ambiguous_dropped", "ambiguous_accepted"}
TIMES_OF_DAY = [TimeOfDay.DAY, TimeOfDay.NIGHT]


@pytest.fixture(scope="module")
def traffic() -> Traffic:
    return make_traffic(SEED, EVENTS)


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return read_rules(rules_json())


@pytest.fixture(scope="module")
def merchants() -> Mapping[str, Merchant]:
    lines = [msgspec.json.decode(line, type=Merchant) for line in merchants_jsonl().splitlines()]
    return {merchant.merchant_id: merchant for merchant in lines}


class Oracle:
    """A test oracle: finds each answer from the bytes and from the behaviours of the stub APIs, event after event."""

    def __init__(self, traffic: Traffic, rules: RuleSet, merchants: Mapping[str, Merchant], now: datetime) -> None:
        self.traffic, self.rules, self.merchants, self.now = traffic, rules, merchants, now
        self.pushed_users: set[str] = set()
        self.pushed_keys: set[str] = set()

    def answer(self, planned: PlannedEvent) -> Reason:
        event = read_event(planned.value(self.now))
        if isinstance(event, Problem) or event.received_at > self.now + MAX_AHEAD_OF_OUR_CLOCK:
            return Reason.INVALID
        if event.type not in self.rules.triggers:
            return Reason.NOT_A_TRIGGER
        if self.now >= deadline_of(event, self.rules.freshness[event.type], self.now):
            return Reason.EXPIRED
        return self._of_a_fresh_trigger(event, planned) if event.push.consent else Reason.NO_CONSENT

    def _of_a_fresh_trigger(self, event: SavingEvent, planned: PlannedEvent) -> Reason:
        merchant = self.merchants.get(event.merchant_id or "")
        context = EvaluationContext(event, merchant, self.now)
        unasked = refused_without_coupons(self.rules, context)
        if unasked:
            return unasked.reason
        coupons = self._coupons(event)
        if isinstance(coupons, Reason):
            return coupons
        kept = tuple(coupon for coupon in coupons if usable(coupon, event.store_id, self.now))
        if not kept:
            return Reason.NO_COUPON
        result = evaluate(self.rules, context, kept)
        return self._push(planned) if isinstance(result, Match) else result.reason

    def _coupons(self, event: SavingEvent) -> list[Coupon] | Reason:
        match next(
            (each for each in self.traffic.coupon_api_behaviours.get(event.user_id, ()) if not each.times), None
        ):
            case Behaviour(fault="ambiguous_dropped") | Behaviour(fault="status", status=500 | 502):
                return Reason.COUPON_API_FAILED
            case Behaviour():
                return Reason.COUPON_API_REFUSED
        answer = self.traffic.coupons[event.user_id, event.merchant_id or ""]
        return [] if answer == 404 else msgspec.convert(answer, list[Coupon])

    def _push(self, planned: PlannedEvent) -> Reason:
        if planned.push_key in self.pushed_keys:
            return Reason.DUPLICATE
        if planned.user_id in self.pushed_users:
            return Reason.CAPPED
        script = self.traffic.push_api_behaviours.get(planned.user_id, ())
        unclear = any(each.fault in UNCLEAR_FAULTS or each.status == 500 for each in script)
        if script and script[-1].times is None:
            return Reason.PUSH_UNCERTAIN if unclear else Reason.PUSH_REFUSED
        self.pushed_users.add(planned.user_id)
        self.pushed_keys.add(planned.push_key)
        return Reason.PUSHED


def values(traffic: Traffic) -> list[bytes | None]:
    return [event.value(NOW) for event in traffic.events]


def of_kind(traffic: Traffic, scenario: str) -> list[PlannedEvent]:
    return [event for event in traffic.events if event.kind.startswith(f"{scenario}/")]


@pytest.mark.parametrize("now", AROUND_THE_CLOCK, ids=lambda now: f"{now:%H} h UTC")
def test_every_event_gets_the_expected_answer_from_the_domain_at_any_hour(
    traffic: Traffic, rules: RuleSet, merchants: Mapping[str, Merchant], now: datetime
) -> None:
    oracle = Oracle(traffic, rules, merchants, now)

    answers = [(event.kind, event.expected.reason, oracle.answer(event)) for event in traffic.events]

    assert [answer for answer in answers if answer[1] is not answer[2]] == []


def test_an_expected_push_is_still_right_most_of_a_minute_later(
    traffic: Traffic, rules: RuleSet, merchants: Mapping[str, Merchant]
) -> None:
    late = NOW + timedelta(seconds=55)
    planned = [event for event in traffic.events if event.expected == Expectation(Reason.PUSHED)]
    events = [event for each in planned if isinstance(event := read_event(each.value(NOW)), SavingEvent)]

    expired = [event for event in events if late >= deadline_of(event, rules.freshness[event.type], NOW)]
    refused = [
        event
        for event in events
        if refused_without_coupons(rules, EvaluationContext(event, merchants.get(event.merchant_id or ""), late))
    ]

    assert len(events) == len(traffic.expected_pushes)
    assert expired == refused == []


@pytest.mark.parametrize("time_of_day", TIMES_OF_DAY, ids=str)
def test_there_is_always_a_city_by_day_and_one_by_night(time_of_day: TimeOfDay) -> None:
    moments = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=30) * step for step in range(365 * 48)]

    without = [moment for moment in moments if not cities(time_of_day, moment)]

    assert without == []


def test_the_same_seed_gives_the_same_traffic() -> None:
    one, other = make_traffic(SEED, 1000), make_traffic(SEED, 1000)

    assert values(one) == values(other)
    assert [event.expected for event in one.events] == [event.expected for event in other.events]
    assert (one.coupons, one.push_api_behaviours) == (other.coupons, other.push_api_behaviours)


def test_another_seed_gives_other_users_and_events() -> None:
    one, other = make_traffic(SEED, 1000), make_traffic(SEED + 1, 1000)

    assert not {event.user_id for event in one.events} & {event.user_id for event in other.events}
    assert not {event.event_id for event in one.events} & {event.event_id for event in other.events}


@pytest.mark.parametrize("events", [200, 500, 5_000, EVENTS])
def test_every_reason_of_the_first_version_occurs_with_certainty(traffic: Traffic, events: int) -> None:
    traffic = traffic if events == EVENTS else make_traffic(SEED, events)

    certain = {event.expected.reason for event in traffic.events if event.expected.certain}

    assert certain == set(Reason) - NEVER_BUILT - NEVER_CERTAIN
    assert {event.expected.reason for event in traffic.events} >= NEVER_CERTAIN
    assert len(traffic.events) == events


@pytest.mark.parametrize("events", [200, 500, EVENTS])
def test_at_least_95_percent_of_the_answers_are_certain(traffic: Traffic, events: int) -> None:
    traffic = traffic if events == EVENTS else make_traffic(SEED, events)

    certain = sum(event.expected.certain for event in traffic.events)

    assert certain >= 0.95 * events


def test_the_funnel_has_the_shape_of_real_traffic(traffic: Traffic) -> None:
    reasons = Counter(event.expected.reason for event in traffic.events)
    triggers = EVENTS - reasons[Reason.INVALID] - reasons[Reason.NOT_A_TRIGGER]

    assert reasons[Reason.INVALID] / EVENTS == pytest.approx(0.03)
    assert triggers / EVENTS == pytest.approx(0.10, abs=0.01)
    assert reasons[Reason.NO_CONSENT] / triggers == pytest.approx(0.5, abs=0.05)
    assert 60 <= len(traffic.expected_pushes) <= 90


def test_each_expected_push_is_one_certain_event_and_none_is_uncertain_too(traffic: Traffic) -> None:
    pushed = [event for event in traffic.events if event.expected.reason is Reason.PUSHED and event.expected.certain]

    assert {event.push_key for event in pushed} == traffic.expected_pushes
    assert len(pushed) == len(traffic.expected_pushes)
    assert not traffic.expected_pushes & traffic.uncertain_pushes


def test_what_may_be_accepted_without_a_certain_answer_is_an_uncertain_push(traffic: Traffic) -> None:
    unclear = [event for event in traffic.events if event.expected.reason is Reason.PUSH_UNCERTAIN]
    contested = [event for event in traffic.events if not event.expected.certain]
    contested = [event for event in contested if event.expected.reason not in NEVER_CERTAIN]

    assert {event.push_key for event in unclear + contested} == traffic.uncertain_pushes


def test_events_of_one_user_whose_order_matters_share_a_key_and_wait_for_the_first(traffic: Traffic) -> None:
    followers = [event for event in traffic.events if event.expected.reason in (Reason.CAPPED, Reason.DUPLICATE)]
    certain = [event for event in followers if event.expected.certain]
    firsts = [traffic.events[event.after] for event in certain if event.after is not None]

    assert len(certain) == len(firsts) > 0
    assert all(first.number < event.number for first, event in zip(firsts, certain, strict=True))
    assert all(first.key == event.key == event.user_id.encode() for first, event in zip(firsts, certain, strict=True))
    assert {first.expected.reason for first in firsts} == {Reason.PUSHED}


def test_a_user_of_a_scenario_takes_part_in_no_other(traffic: Traffic) -> None:
    scenarios: dict[str, set[str]] = {}
    for event in traffic.events:
        scenarios.setdefault(event.user_id, set()).add(event.kind.partition("/")[0])

    assert [user for user, kinds in scenarios.items() if len(kinds) > 1] == []


def test_what_waits_for_its_deadline_comes_first(traffic: Traffic) -> None:
    waiting = of_kind(traffic, "push_uncertain_to_the_deadline")

    assert len(waiting) == 3
    assert max(event.number for event in waiting) < 0.02 * EVENTS


def test_what_waits_for_its_deadline_can_be_older_and_nothing_else_changes(traffic: Traffic) -> None:
    older = make_traffic(SEED, EVENTS, age_of_waiting=timedelta(seconds=40))
    pairs = zip(traffic.events, older.events, strict=True)
    changed = {one.kind.partition("/")[0] for one, other in pairs if one.value(NOW) != other.value(NOW)}

    assert changed == {"push_uncertain_to_the_deadline", "coupon_api_failed"}


def test_every_way_to_be_invalid_occurs_and_is_found(traffic: Traffic) -> None:
    read = {event.kind: read_event(event.value(NOW)) for event in of_kind(traffic, "invalid")}

    assert set(read) == {f"invalid/{corruption}" for corruption in CORRUPTIONS}
    believed = {kind: event for kind, event in read.items() if isinstance(event, SavingEvent)}
    assert set(believed) == {"invalid/received_in_the_future"}, "only a clock can tell that it is invalid"


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_only_what_is_no_json_or_oversize_is_unreadable(traffic: Traffic, corruption: str) -> None:
    planned = next(event for event in traffic.events if event.kind == f"invalid/{corruption}")

    problem = read_event(planned.value(NOW))

    assert (isinstance(problem, Problem) and problem.unreadable) is (corruption in UNREADABLE)


def test_all_event_types_and_unknown_extra_fields_occur_among_valid_events(traffic: Traffic) -> None:
    valid = [msgspec.json.decode(event.value(NOW) or b"") for event in of_kind(traffic, "not_a_trigger")]
    triggers = [msgspec.json.decode(event.value(NOW) or b"") for event in of_kind(traffic, "pushed_then_capped")]

    assert len({event["type"] for event in valid + triggers}) == 11
    assert any("experiments" in event for event in valid)


def test_every_shopper_stands_at_the_store(traffic: Traffic, merchants: Mapping[str, Merchant]) -> None:
    latitudes = {store.store_id: store.latitude for merchant in merchants.values() for store in merchant.stores}
    read = [read_event(event.value(NOW)) for event in of_kind(traffic, "pushed_then_capped")]

    distances = [
        abs(event.location.latitude - latitudes[event.store_id])
        for event in read
        if isinstance(event, SavingEvent) and event.store_id and event.location
    ]

    assert 0 < max(distances) < 0.001


def test_both_stub_apis_know_every_misbehaviour(traffic: Traffic) -> None:
    coupon_api, push_api = CouponApi(catalogue_of(traffic.coupons)), PushApi()

    for api, scripts in ((coupon_api, traffic.coupon_api_behaviours), (push_api, traffic.push_api_behaviours)):
        for user_id, script in scripts.items():
            api.behave(*script, user_id=user_id)


def test_endless_traffic_goes_on_with_new_users_and_leaves_those_of_the_first_alone() -> None:
    first, second = islice(endless(SEED), 2)
    before = make_traffic(SEED, 500)

    users = [{event.user_id for event in traffic.events} for traffic in (before, first, second)]

    assert len(users[0] | users[1] | users[2]) == sum(map(len, users))


def test_too_few_events_for_every_scenario_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 200"):
        make_traffic(SEED, 199)


def test_the_directory_has_about_two_hundred_merchants_with_names_stores_and_hosts(
    merchants: Mapping[str, Merchant],
) -> None:
    assert len(merchants) == 208
    assert all({"de", "en"} <= set(merchant.names) and merchant.stores for merchant in merchants.values())
    assert any(merchant.deep_link_hosts for merchant in merchants.values())


def test_the_rules_of_the_demo_end_every_wait_within_a_minute(rules: RuleSet) -> None:
    assert {str(cap) for cap in rules.caps} == {"1 per user in 24 h"}
    assert set(rules.freshness.values()) == {timedelta(minutes=1)}
    assert len(rules.rules) == 3
