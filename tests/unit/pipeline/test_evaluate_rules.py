"""The winning rule becomes an alert that needs nobody's advice again; otherwise each rule says why not."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

import msgspec
import pytest

from saving_alerts.delivery.addressing import address_of
from saving_alerts.domain.alerts import Alert
from saving_alerts.domain.coupons import Candidate, Coupon
from saving_alerts.domain.decisions import Versions
from saving_alerts.domain.decoding import printable
from saving_alerts.domain.events import EventType, ValidatedEvent
from saving_alerts.domain.merchants import Merchant, Store
from saving_alerts.domain.opening_hours import Opening
from saving_alerts.domain.passed_over import Oddity, PassedOverCoupons, passed_over
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules.expressions import compile_when
from saving_alerts.domain.rules.quiet_hours import QuietHours
from saving_alerts.domain.rules.rule import Rule
from saving_alerts.pipeline.outcomes import Decided, Forward
from saving_alerts.pipeline.rule_decisions import coupons_passed_over, when_errors
from saving_alerts.pipeline.steps import evaluate_rules
from saving_alerts.reference_data.snapshot import Merchants, Snapshot
from tests.support.fakes.clock import START
from tests.support.sample_events import (
    ALWAYS_QUIET,
    DEADLINE,
    MERCHANT,
    alert,
    coupon,
    event,
    snapshot,
    validated,
    with_texts_in_turn,
)
from tests.support.store_clock import is_open, random_opening


def candidate(*coupons: Coupon, merchant_id: str = "m-1") -> Candidate:
    return Candidate(validated=validated(event(merchant_id=merchant_id)), coupons=coupons or (coupon(),))


def decided(value: Candidate, data: Snapshot) -> Decided:
    outcome = evaluate_rules(value, data, START)
    assert isinstance(outcome, Decided)
    return outcome


def test_the_winning_rule_becomes_an_alert() -> None:
    outcome = evaluate_rules(candidate(), snapshot(), START)

    assert outcome == Forward(alert())


def test_of_several_texts_in_turn_the_alert_has_the_users_own_and_names_it() -> None:
    data, texts = with_texts_in_turn(snapshot()), dict[str, set[str | None]]()
    for number in range(40):
        value = Candidate(validated=validated(event(user_id=f"u-{number}")), coupons=(coupon(),))
        outcome = evaluate_rules(value, data, START)
        assert isinstance(outcome, Forward)
        texts.setdefault(outcome.value.title, set()).add(outcome.value.variant)

    assert texts == {"20% at Shop": {"plain"}, "Hello! 20%": {"friendly"}}


def test_the_best_coupon_is_the_one_that_is_promised() -> None:
    outcome = evaluate_rules(candidate(coupon(15), coupon(40), coupon(25)), snapshot(), START)

    assert isinstance(outcome, Forward)
    assert outcome.value.title == "40% at Shop"


def test_no_push_comes_after_its_coupon_has_ended() -> None:
    minute = timedelta(minutes=1)

    outcome = evaluate_rules(candidate(coupon(valid_for=minute)), snapshot(), START)

    assert isinstance(outcome, Forward)
    assert outcome.value.deadline == START + minute


@pytest.mark.parametrize(
    ("value", "data", "reason", "clause"),
    [
        pytest.param(candidate(coupon(5)), snapshot(), Reason.RULE_REFUSED, "min_discount_percent", id="too-little"),
        pytest.param(candidate(), snapshot(ALWAYS_QUIET), Reason.QUIET_HOURS, "quiet_hours", id="quiet-hours"),
        pytest.param(
            candidate(merchant_id="m-2"), snapshot(), Reason.RULE_REFUSED, "merchant_known", id="unknown-merchant"
        ),
    ],
)
def test_a_refusal_names_the_first_clause_that_said_no(
    value: Candidate, data: Snapshot, reason: Reason, clause: str
) -> None:
    outcome = decided(value, data)

    assert outcome.reason is reason
    assert outcome.details["refusals"] == [{"rule_id": "at-the-store", "clause": clause}]


@pytest.mark.parametrize(
    ("odd", "clause", "because"),
    [
        (coupon(deep_link="https://evil.example/"), "deep_link_hosts", "of its link: evil.example is no host"),
        (coupon(deep_link="javascript:alert(1)"), "deep_link_hosts", "of its link: the scheme javascript is not"),
        (coupon(150), "discount", "150 % off is no discount"),
    ],
)
def test_a_refused_coupon_is_named_with_its_reason(odd: Coupon, clause: str, because: str) -> None:
    outcome = decided(candidate(odd), snapshot())

    assert outcome.reason is Reason.RULE_REFUSED
    assert outcome.details["refusals"] == [{"rule_id": "at-the-store", "clause": clause}]
    (named,) = _passed_over(outcome)
    assert named["coupon_id"] == "c-1"
    assert named["because"].startswith(because)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "localtime", "\x1b[2J"])
def test_an_unknown_zone_is_quiet_and_named(zone: str) -> None:
    value = candidate()
    lost = msgspec.structs.replace(value.validated.event, timezone=zone)
    value = msgspec.structs.replace(value, validated=msgspec.structs.replace(value.validated, event=lost))

    outcome = decided(value, snapshot(ALWAYS_QUIET))

    assert outcome.reason is Reason.RULE_REFUSED
    because = f"unknown time zone {printable(zone)}"
    assert outcome.details == {"refusals": [{"rule_id": "at-the-store", "clause": "time_zone", "because": because}]}
    assert isinstance(evaluate_rules(value, snapshot(), START), Forward)


def test_what_failed_at_the_coupon_api_goes_on_with_the_alert_or_stands_in_the_refusal() -> None:
    value = msgspec.structs.replace(candidate(coupon(20)), failed_asks={"HTTP 500": 2})

    outcome = evaluate_rules(value, snapshot(), START)

    assert isinstance(outcome, Forward)
    assert outcome.value.failed_asks == {"HTTP 500": 2}
    assert decided(value, snapshot(ALWAYS_QUIET)).details["coupon_api_failures"] == {"HTTP 500": 2}


def test_a_refused_coupon_takes_nothing_from_the_others() -> None:
    odd = [msgspec.structs.replace(coupon(90, deep_link=f"file:///{n}"), coupon_id=f"odd-{n}") for n in range(7)]
    before = PassedOverCoupons((passed_over("c-0", Oddity.UNREADABLE, "it cannot be read"),))
    value = msgspec.structs.replace(candidate(*odd, coupon(20)), passed_over=before)

    outcome = evaluate_rules(value, snapshot(), START)

    assert isinstance(outcome, Forward)
    assert outcome.value.coupon_id == "c-1"
    assert [each.coupon_id for each in outcome.value.passed_over.named] == ["c-0", "odd-0", "odd-1", "odd-2", "odd-3"]
    assert (outcome.value.passed_over.more, coupons_passed_over(outcome)) == (3, 8)


def test_a_link_into_an_app_is_followed_where_its_scheme_is_listed() -> None:
    value, data = candidate(coupon(deep_link="shopapp://c/9")), snapshot()

    assert isinstance(evaluate_rules(value, data, START), Decided)
    assert isinstance(evaluate_rules(value, replace(data, link_schemes=frozenset({"shopapp"})), START), Forward)


def _passed_over(outcome: Decided) -> list[dict[str, str]]:
    named = outcome.details["passed_over"]
    assert isinstance(named, list)
    return named


def test_a_refusal_names_the_versions_it_was_made_with() -> None:
    outcome = decided(candidate(coupon(5)), snapshot())

    assert (outcome.versions.rules, outcome.versions.merchants) == ("rules-1", "merchants-1")


def test_a_late_candidate_is_expired_whatever_the_rules_say() -> None:
    outcome = evaluate_rules(candidate(coupon(5)), snapshot(), DEADLINE)

    assert outcome == Decided(Reason.EXPIRED, {"late_seconds": 0}, Versions(rules="rules-1", merchants="merchants-1"))


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(validated(), id="validated"),
        pytest.param(candidate(), id="candidate"),
        pytest.param(alert(), id="alert"),
    ],
)
def test_every_value_on_its_way_names_the_same_subject(value: ValidatedEvent | Candidate | Alert) -> None:
    subject = address_of(value).subject

    assert (subject.event_id, subject.user_id, subject.merchant_id) == ("event-7", "u-1", "m-1")
    assert (subject.event_type, subject.occurred_at, subject.read_at) == ("geofence_entered", START, START)


MIDNIGHT = QuietHours(time(0), time(1))


def test_the_rules_are_applied_as_of_the_moment_the_candidate_was_made() -> None:
    before_midnight = datetime(2026, 11, 23, 22, 59, 59, tzinfo=UTC)  # in Berlin
    made = msgspec.structs.replace(candidate(), looked_at=before_midnight, distance_m=50.0)
    night = snapshot(MIDNIGHT)

    outcome = evaluate_rules(made, night, START)
    later = evaluate_rules(
        msgspec.structs.replace(made, looked_at=before_midnight + timedelta(seconds=1)), night, START
    )

    assert isinstance(outcome, Forward)
    assert isinstance(later, Decided)
    assert later.reason is Reason.QUIET_HOURS


def test_a_candidate_of_an_older_release_is_looked_at_now() -> None:
    assert isinstance(evaluate_rules(candidate(), snapshot(MIDNIGHT), START), Forward)


def test_the_distance_is_the_one_that_was_measured_then() -> None:
    rules = with_rules(replace(RULE, max_distance_m=60))
    near, far = (
        msgspec.structs.replace(candidate(), looked_at=START, distance_m=distance_m) for distance_m in (59.0, 61.0)
    )

    assert isinstance(evaluate_rules(near, rules, START), Forward)
    assert decided(far, rules).details["refusals"] == [{"rule_id": "at-the-store", "clause": "max_distance_m"}]


def with_rules(*rules: Rule) -> Snapshot:
    data = snapshot()
    return replace(data, rules=replace(data.rules, rules=rules))


RULE = snapshot().rules.rules[0]
FAILING = replace(
    RULE, id="failing", when=compile_when("event.locale != 'en' || 1 / (local.hour - 11) > 1", RULE.event_types)
)


def test_of_many_rules_only_those_that_listen_are_named_and_the_others_counted() -> None:
    elsewhere = [replace(RULE, id=f"elsewhere-{number}", allow=(f"m-{number}-*",)) for number in range(30)]
    other_type = replace(RULE, id="other", event_types=frozenset({EventType.OFFER_VIEWED}))

    outcome = decided(candidate(coupon(5)), with_rules(*elsewhere, RULE, other_type))

    assert outcome.details == {
        "refusals": [{"rule_id": "at-the-store", "clause": "min_discount_percent"}],
        "rules_that_do_not_listen": {"event_types": 1, "merchants": 30},
    }


def test_an_expression_that_failed_is_told_in_the_decision_and_counted() -> None:
    outcome = decided(candidate(), with_rules(FAILING))

    told = {"rule_id": "failing", "clause": "when", "error": "INVALID_ARGUMENT: divide by zero"}
    assert outcome.details["refusals"] == [told]
    assert when_errors(outcome) == ["failing"]


def test_an_expression_that_failed_before_another_rule_won_is_counted_too() -> None:
    outcome = evaluate_rules(candidate(), with_rules(FAILING, RULE), START)

    assert isinstance(outcome, Forward)
    assert outcome.value.rule_id == "at-the-store"
    assert when_errors(outcome) == ["failing"]


@pytest.mark.parametrize(("own", "set_by"), [(True, "rule"), (False, "rules_file")])
def test_a_decision_says_from_when_to_when_it_is_quiet_and_who_has_set_it(*, own: bool, set_by: str) -> None:
    data = snapshot(ALWAYS_QUIET)
    rules = replace(data.rules, rules=tuple(replace(rule, has_own_quiet_hours=own) for rule in data.rules.rules))

    outcome = evaluate_rules(candidate(), replace(data, rules=rules), START)

    assert isinstance(outcome, Decided)
    assert outcome.details["quiet_hours"] == {
        "from": "00:00",
        "until": "23:59",
        "set_by": set_by,
        "rule_id": "at-the-store",
        "local_time": f"{START.astimezone(ZoneInfo('Europe/Berlin')):%Y-%m-%dT%H:%M}",
    }


def shop_until(closes: datetime) -> Merchant:
    hours = f"{['Mo', 'Tu', 'We', 'Th', 'Fr', 'Sa', 'Su'][closes.weekday()]} 00:00-{closes:%H:%M}"
    store = Store("s-1", 0, 0, Opening(timezone="UTC", hours=hours))
    return msgspec.structs.replace(MERCHANT, stores=(store,))


def at_shop(closes: datetime, open_for_minutes: float) -> Snapshot:
    data = snapshot()
    rules = replace(
        data.rules, rules=tuple(replace(each, open_for_minutes=open_for_minutes) for each in data.rules.rules)
    )
    return replace(data, rules=rules, merchants=Merchants("merchants-1", {"m-1": shop_until(closes)}))


def test_an_alert_ends_when_its_store_has_too_little_time_left() -> None:
    closes = START.replace(second=0, microsecond=0) + timedelta(minutes=22)

    outcome = evaluate_rules(candidate(), at_shop(closes, open_for_minutes=15), START)

    assert isinstance(outcome, Forward)
    assert outcome.value.deadline == closes - timedelta(minutes=15) < DEADLINE
    assert outcome.value.deadline_by == "open_for_minutes"


def test_an_alert_that_ends_sooner_anyway_does_not_name_the_store() -> None:
    closes = START.replace(second=0, microsecond=0) + timedelta(hours=2)

    outcome = evaluate_rules(candidate(), at_shop(closes, open_for_minutes=15), START)

    assert isinstance(outcome, Forward)
    assert (outcome.value.deadline, outcome.value.deadline_by) == (DEADLINE, None)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Santiago", "Australia/Lord_Howe", "Pacific/Kiritimati"])
def test_no_attempt_in_a_year_is_for_a_store_that_closes_within_the_minutes_or_is_closed(zone: str) -> None:
    """Stages may take their time, and an alert may wait until its deadline, a day later at most."""
    random, alerts = Random(zone), 0
    for number in range(365 * 4):
        opening = random_opening(random, zone)
        store = msgspec.structs.replace(MERCHANT, stores=(Store("s-1", 0, 0, opening),))
        data = replace(at_shop(START, open_for_minutes=15), merchants=Merchants("merchants-1", {"m-1": store}))
        looked_at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number * 6, minutes=random.randrange(360))
        fresh = msgspec.structs.replace(validated(), deadline=looked_at + timedelta(minutes=random.choice((10, 1440))))
        lasting = msgspec.structs.replace(
            coupon(), valid_from=looked_at - timedelta(days=1), valid_until=looked_at + timedelta(days=9)
        )
        value = Candidate(validated=fresh, coupons=(lasting,), looked_at=looked_at)
        outcome = evaluate_rules(value, data, looked_at + timedelta(minutes=random.randrange(9)))
        if isinstance(outcome, Forward):
            alerts += 1
            wait = outcome.value.deadline - looked_at
            attempts = [looked_at + random.random() * wait for _ in range(5)]
            seen = [each + timedelta(minutes=random.random() * 15) for each in attempts]
            assert [each for each in attempts + seen if not is_open(opening, each)] == []

    assert alerts > 300
