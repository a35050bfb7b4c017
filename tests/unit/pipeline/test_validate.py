"""Only fresh triggers of consenting users pass; everybody else gets the first reason that says no."""

from datetime import timedelta

import pytest

from saving_alerts.domain.events import MAX_EVENT_BYTES, EventType
from saving_alerts.domain.reasons import Reason
from saving_alerts.pipeline.outcomes import Decided, Forward
from saving_alerts.pipeline.steps import NOT_A_TRIGGER, validate
from tests.support.fakes.clock import START
from tests.support.sample_events import DEADLINE, POSITION, encoded, event, snapshot, source_record, validated

TICK = timedelta(microseconds=1)


def test_a_fresh_trigger_of_a_consenting_user_goes_on_with_its_position_and_deadline() -> None:
    outcome = validate(source_record(encoded(event())), snapshot(), START)

    assert outcome == Forward(validated())


@pytest.mark.parametrize(
    ("kind", "consent", "late", "reason"),
    [
        pytest.param(EventType.OFFER_VIEWED, False, True, Reason.NOT_A_TRIGGER, id="no-trigger-before-all"),
        pytest.param(EventType.GEOFENCE_ENTERED, False, True, Reason.EXPIRED, id="late-before-consent"),
        pytest.param(EventType.GEOFENCE_ENTERED, False, False, Reason.NO_CONSENT, id="consent-last"),
    ],
)
def test_of_several_reasons_the_first_in_the_order_of_decisions_counts(
    kind: EventType, *, consent: bool, late: bool, reason: Reason
) -> None:
    now = DEADLINE + TICK if late else START

    outcome = validate(source_record(encoded(event(kind, consent=consent))), snapshot(), now)

    assert isinstance(outcome, Decided)
    assert outcome.reason is reason
    assert outcome.versions.rules == (None if outcome is NOT_A_TRIGGER else "rules-1")


@pytest.mark.parametrize(
    ("before", "passes"),
    [pytest.param(TICK, True, id="just-before"), pytest.param(timedelta(), False, id="at-the-deadline")],
)
def test_an_event_is_late_from_its_deadline_on(before: timedelta, *, passes: bool) -> None:
    outcome = validate(source_record(encoded(event())), snapshot(), DEADLINE - before)

    assert isinstance(outcome, Forward) is passes


def test_how_late_an_event_came_is_written_down() -> None:
    outcome = validate(source_record(encoded(event())), snapshot(), DEADLINE + timedelta(seconds=1.5))

    assert isinstance(outcome, Decided)
    assert outcome.details == {"late_seconds": 1.5}


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(None, id="tombstone"),
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="cut-off"),
        pytest.param(b"\xff\xfe", id="no-utf8"),
        pytest.param(b'"' + b"x" * MAX_EVENT_BYTES + b'"', id="oversize"),
        pytest.param(b"[" * 20_000, id="nested-too-deep"),
    ],
)
def test_bytes_that_nobody_can_read_are_invalid_and_kept(value: bytes | None) -> None:
    outcome = validate(source_record(value), snapshot(), START)

    assert isinstance(outcome, Decided)
    assert (outcome.reason, outcome.keep_bytes) == (Reason.INVALID, True)


def test_a_wrong_field_is_named_with_its_path_and_the_bytes_are_not_kept() -> None:
    raw = encoded(event()).replace(b'"consent":true', b'"consent":"yes"')

    outcome = validate(source_record(raw), snapshot(), START)

    assert isinstance(outcome, Decided)
    assert (outcome.reason, outcome.keep_bytes) == (Reason.INVALID, False)
    assert outcome.details["path"] == "$.push.consent"


def test_an_invalid_event_still_says_whose_it_is() -> None:
    raw = encoded(event()).replace(b'"consent":true', b'"consent":"yes"')

    outcome = validate(source_record(raw), snapshot(), START)

    assert isinstance(outcome, Decided)
    assert outcome.subject is not None
    assert (outcome.subject.event_id, outcome.subject.user_id, outcome.subject.read_at) == ("event-7", "u-1", START)


def test_a_refused_event_says_whose_it_is() -> None:
    outcome = validate(source_record(encoded(event(consent=False))), snapshot(), START)

    assert isinstance(outcome, Decided)
    assert outcome.subject is not None
    assert (outcome.subject.user_id, outcome.subject.merchant_id) == ("u-1", "m-1")
    assert outcome.subject.occurred_at == START


def test_the_same_record_gives_the_same_outcome_again() -> None:
    record = source_record(encoded(event()))

    outcomes = [validate(record, snapshot(), START) for _ in range(2)]

    assert outcomes[0] == outcomes[1]
    assert isinstance(outcomes[0], Forward)
    assert outcomes[0].value.position == POSITION
