"""While rules are tried, every step handles an event with the set of its user, and each decision names it."""

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from msgspec import UNSET

from saving_alerts.domain.alerts import Alert
from saving_alerts.domain.coupons import Candidate
from saving_alerts.domain.decisions import Versions
from saving_alerts.domain.events import EventType
from saving_alerts.domain.reasons import Reason
from saving_alerts.kafka.codecs import Envelope, dispatch_codec
from saving_alerts.pipeline.outcomes import Decided, Forward
from saving_alerts.pipeline.push_decisions import decided_by
from saving_alerts.pipeline.rule_decisions import departure_of
from saving_alerts.pipeline.steps import NOT_A_TRIGGER, evaluate_rules, validate
from saving_alerts.reference_data.snapshot import Snapshot, Tried
from tests.support.fakes.clock import START
from tests.support.sample_canary import an_order
from tests.support.sample_events import (
    DEADLINE,
    POSITION,
    alert,
    coupon,
    encoded,
    event,
    snapshot,
    source_record,
    validated,
)

HEADERS = Envelope(POSITION, "event-7", DEADLINE).headers()
USERS = [f"u-{number}" for number in range(100)]
ORDER = an_order(percent=50)
TRIED_USER = next(user for user in USERS if ORDER.is_for(user, START))
OTHER_USER = next(user for user in USERS if not ORDER.is_for(user, START))


def two_sets(hears: EventType = EventType.GEOFENCE_ENTERED, min_discount_percent: float = 10) -> Snapshot:
    """Everybody's as ever; the canary's rule listens to `hears`."""
    stable, new = snapshot(), snapshot(min_discount_percent=min_discount_percent)
    rules = tuple(replace(rule, event_types=frozenset({hears})) for rule in new.rules.rules)
    tried = replace(new.rules, version=ORDER.version, rules=rules)
    return replace(stable, tried=Tried(ORDER, replace(new, rules=tried, canary=ORDER.id)))


def candidate(user: str) -> Candidate:
    return Candidate(validated=validated(event(user_id=user)), coupons=(coupon(),), looked_at=START)


@pytest.mark.parametrize(
    ("user", "versions"),
    [
        (TRIED_USER, Versions(rules=ORDER.version, canary=ORDER.id)),
        (OTHER_USER, Versions(rules="rules-1")),
    ],
    ids=["tried", "another"],
)
def test_what_validate_decides_names_the_set_of_the_user(user: str, versions: Versions) -> None:
    outcome = validate(source_record(encoded(event(user_id=user, consent=False))), two_sets(), START)

    assert isinstance(outcome, Decided)
    assert (outcome.reason, outcome.versions) == (Reason.NO_CONSENT, versions)


def test_an_event_is_heard_by_the_set_of_its_user() -> None:
    data = two_sets(hears=EventType.COUPON_SAVED)

    def outcome(kind: EventType, user: str) -> object:
        return validate(source_record(encoded(event(kind, user_id=user))), data, START)

    assert isinstance(outcome(EventType.COUPON_SAVED, TRIED_USER), Forward)
    assert outcome(EventType.COUPON_SAVED, OTHER_USER) is NOT_A_TRIGGER
    assert isinstance(outcome(EventType.GEOFENCE_ENTERED, OTHER_USER), Forward)


def test_what_only_the_others_listen_to_goes_on_because_a_receipt_would_name_their_rules() -> None:
    data = two_sets(hears=EventType.COUPON_SAVED)
    outcome = validate(source_record(encoded(event(user_id=TRIED_USER))), data, START)
    assert isinstance(outcome, Forward)

    decided = evaluate_rules(candidate(TRIED_USER), data.of(TRIED_USER, START), START)

    assert isinstance(decided, Decided)
    assert decided.reason is Reason.RULE_REFUSED
    assert decided.versions == Versions(rules=ORDER.version, merchants="merchants-1", canary=ORDER.id)


def test_an_alert_says_which_canary_has_made_it_and_so_do_its_decisions() -> None:
    data = two_sets().of(TRIED_USER, START)
    outcome = evaluate_rules(candidate(TRIED_USER), data, START)
    assert isinstance(outcome, Forward)
    made = outcome.value
    assert isinstance(made, Alert)

    decided = decided_by(made, data.rules, Reason.PUSHED, {})

    assert (made.canary, made.rules_version) == (ORDER.id, ORDER.version)
    assert decided.versions == Versions(
        rules=ORDER.version, merchants="merchants-1", caps=ORDER.version, canary=ORDER.id
    )


def test_what_others_rules_have_made_is_written_as_ever() -> None:
    outcome = evaluate_rules(candidate(OTHER_USER), two_sets().of(OTHER_USER, START), START)
    assert isinstance(outcome, Forward)
    made = outcome.value

    assert made.canary is UNSET
    assert b"canary" not in msgspec.json.encode(made)
    assert decided_by(made, snapshot().rules, Reason.PUSHED, {}).versions.canary is None


def test_alerts_of_a_canary_and_of_older_releases_are_read() -> None:
    tried = msgspec.structs.replace(alert(), canary=ORDER.id)

    for each in (tried, alert()):
        assert dispatch_codec.decode(msgspec.json.encode(each), HEADERS) == each


def test_deadlines_and_gatherings_are_bounded_by_what_is_longest_for_anybody() -> None:
    data = two_sets()
    assert data.tried is not None
    longer = {EventType.GEOFENCE_ENTERED: timedelta(hours=1)}
    rules = replace(data.tried.snapshot.rules, freshness=longer, choose_within=timedelta(seconds=30))
    data = replace(data, tried=Tried(ORDER, replace(data.tried.snapshot, rules=rules)))

    assert data.longest_freshness(EventType.GEOFENCE_ENTERED) == timedelta(hours=1)
    assert data.longest_choice == timedelta(seconds=30)
    assert snapshot().longest_choice == timedelta(0)


def test_a_departure_says_it_too() -> None:
    found = Candidate(validated=validated(event(EventType.GEOFENCE_EXITED)), coupons=())

    tried, other = (departure_of(found, each) for each in (two_sets().of(TRIED_USER, START), snapshot()))

    assert (tried.canary, other.canary) == (ORDER.id, UNSET)
    assert b"canary" not in msgspec.json.encode(other)
