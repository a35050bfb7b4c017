"""The winning rule becomes an alert that needs nobody's advice again; otherwise each rule says why not."""

from datetime import timedelta

import pytest

from saving_alerts.domain.alerts import Alert
from saving_alerts.domain.coupons import Candidate, Coupon
from saving_alerts.domain.decisions import Reason
from saving_alerts.domain.events import ValidatedEvent
from saving_alerts.outcomes import Decided, Forward
from saving_alerts.pipeline import evaluate_rules, subject_of
from saving_alerts.reference_data import Snapshot
from tests.fakes.clock import START
from tests.sample_events import ALWAYS_QUIET, DEADLINE, alert, coupon, event, snapshot, validated


def candidate(*coupons: Coupon, merchant_id: str = "m-1") -> Candidate:
    return Candidate(validated=validated(event(merchant_id=merchant_id)), coupons=coupons or (coupon(),))


def decided(value: Candidate, data: Snapshot) -> Decided:
    outcome = evaluate_rules(value, data, START)
    assert isinstance(outcome, Decided)
    return outcome


def test_the_winning_rule_becomes_an_alert() -> None:
    outcome = evaluate_rules(candidate(), snapshot(), START)

    assert outcome == Forward(alert())


def test_the_best_coupon_is_the_one_that_is_promised() -> None:
    outcome = evaluate_rules(candidate(coupon(15), coupon(40), coupon(25)), snapshot(), START)

    assert isinstance(outcome, Forward)
    assert outcome.value.title == "40 % at Shop"


def test_no_push_comes_after_its_coupon_has_ended() -> None:
    minute = timedelta(minutes=1)

    outcome = evaluate_rules(candidate(coupon(valid_for=minute)), snapshot(), START)

    assert isinstance(outcome, Forward)
    assert outcome.value.deadline == START + minute


@pytest.mark.parametrize(
    ("value", "data", "reason", "clause"),
    [
        pytest.param(candidate(coupon(5)), snapshot(), Reason.RULE_REFUSED, "min_discount_percent", id="too-little"),
        pytest.param(
            candidate(coupon(deep_link="https://evil.example/")),
            snapshot(),
            Reason.RULE_REFUSED,
            "deep_link_hosts",
            id="foreign-link",
        ),
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
    assert outcome.details == {"refusals": [{"rule_id": "at-the-store", "clause": clause}]}


def test_a_refusal_names_the_versions_it_was_made_with() -> None:
    outcome = decided(candidate(coupon(5)), snapshot())

    assert (outcome.versions.rules, outcome.versions.merchants) == ("rules-1", "merchants-1")


def test_a_late_candidate_is_expired_whatever_the_rules_say() -> None:
    outcome = evaluate_rules(candidate(coupon(5)), snapshot(), DEADLINE)

    assert outcome == Decided(Reason.EXPIRED, {"late_seconds": 0})


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(validated(), id="validated"),
        pytest.param(candidate(), id="candidate"),
        pytest.param(alert(), id="alert"),
    ],
)
def test_every_value_on_its_way_names_the_same_subject(value: ValidatedEvent | Candidate | Alert) -> None:
    subject = subject_of(value)

    assert (subject.event_id, subject.user_id, subject.merchant_id) == ("event-7", "u-1", "m-1")
    assert (subject.event_type, subject.occurred_at, subject.read_at) == ("geofence_entered", START, START)
