"""Only fresh triggers of consenting users pass; everybody else gets the first reason that says no."""

from datetime import datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.events import MAX_EVENT_BYTES, EventType
from saving_alerts.domain.reasons import Reason
from saving_alerts.pipeline.outcomes import Decided, Forward
from saving_alerts.pipeline.steps import NOT_A_TRIGGER, validate
from tests.support.fakes.clock import START
from tests.support.sample_events import (
    DEADLINE,
    FRESHNESS,
    POSITION,
    encoded,
    event,
    snapshot,
    source_record,
    validated,
)

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


@pytest.mark.parametrize(
    ("ahead", "passes"),
    [
        pytest.param(timedelta(minutes=2), True, id="at the margin"),
        pytest.param(timedelta(minutes=2) + TICK, False, id="beyond it"),
        pytest.param(timedelta(days=30), False, id="a month"),
        pytest.param(timedelta(days=365 * 70), False, id="the last year that is believed"),
    ],
)
def test_an_event_that_is_dated_too_far_ahead_of_our_clock_is_invalid(ahead: timedelta, *, passes: bool) -> None:
    outcome = validate(source_record(encoded(event(occurred_at=START + ahead))), snapshot(), START)

    assert isinstance(outcome, Forward) is passes
    if isinstance(outcome, Decided):
        assert (outcome.reason, outcome.dated_ahead, outcome.keep_bytes) == (Reason.INVALID, True, False)
        assert outcome.details["problem"] == "more than 120 s ahead of our clock"
        assert outcome.details["path"] == "$.received_at"
        assert outcome.details["ahead_seconds"] == round(ahead.total_seconds(), 3)
        assert outcome.subject is not None
        assert outcome.subject.user_id == "u-1"


def test_how_far_ahead_an_event_may_be_can_be_set() -> None:
    ahead = event(occurred_at=START + timedelta(days=30))

    outcome = validate(source_record(encoded(ahead)), snapshot(), START, max_ahead=timedelta(days=31))

    assert isinstance(outcome, Forward)
    assert outcome.value.deadline == DEADLINE


def test_no_trigger_is_invalid_as_well_when_it_is_dated_ahead() -> None:
    ahead = event(EventType.OFFER_VIEWED, occurred_at=START + timedelta(days=30))

    outcome = validate(source_record(encoded(ahead)), snapshot(), START)

    assert isinstance(outcome, Decided)
    assert outcome.reason is Reason.INVALID


ZONES = st.builds(timezone, st.integers(-14 * 60, 14 * 60).map(lambda minutes: timedelta(minutes=minutes)))
MOMENTS = st.datetimes(timezones=ZONES)
NEAR = st.timedeltas(timedelta(hours=-1), timedelta(minutes=3)).map(lambda near: START + near)
WRITTEN = (MOMENTS | NEAR).map(datetime.isoformat) | st.from_regex(
    r"(0001|1969|2026|9999)-(01|02|06|12)-(01|29|30|31)T(00|23|24):(00|59):(00|59|60)(\.9{1,9})?(Z|[+-](00|14|23):59)",
    fullmatch=True,
)


@given(received_at=WRITTEN, occurred_at=WRITTEN, now=NEAR)
def test_whatever_the_times_the_deadline_is_at_most_one_freshness_from_now(
    received_at: str, occurred_at: str, now: datetime
) -> None:
    document = msgspec.to_builtins(event()) | {"received_at": received_at, "occurred_at": occurred_at}

    outcome = validate(source_record(msgspec.json.encode(document)), snapshot(), now)

    if isinstance(outcome, Forward):
        assert outcome.value.deadline <= now + FRESHNESS


@given(ahead=st.timedeltas(timedelta(hours=-1), timedelta(minutes=2)))
def test_an_event_from_a_clock_that_differs_a_little_has_its_deadline_by_the_earlier_one(ahead: timedelta) -> None:
    outcome = validate(source_record(encoded(event(occurred_at=START + ahead))), snapshot(), START)

    if isinstance(outcome, Forward):
        assert outcome.value.deadline == min(START, START + ahead) + FRESHNESS


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
