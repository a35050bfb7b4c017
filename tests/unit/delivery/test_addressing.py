"""A deadline on an internal topic is believed as far as the freshness allows, whoever wrote it."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from aiokafka import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.delivery.addressing import reader
from saving_alerts.domain.alerts import Alert
from saving_alerts.domain.coupons import Candidate
from saving_alerts.domain.events import ValidatedEvent
from saving_alerts.kafka.codecs import Envelope, UnreadableError, alert_codec, candidate_codec, encode, validated_codec
from tests.support.fakes.clock import START
from tests.support.sample_events import DEADLINE, FRESHNESS, POSITION, alert, coupon, snapshot, validated

MONTHS = timedelta(days=100)
FRESHNESS_OF = snapshot().rules.freshness_of
Value = ValidatedEvent | Candidate | Alert


def candidate(origin: ValidatedEvent) -> Candidate:
    return Candidate(validated=origin, coupons=(coupon(),), looked_at=START, merchants_version="merchants-1")


def replaced(value: Value, **changes: object) -> Value:
    if isinstance(value, Candidate):
        return msgspec.structs.replace(value, validated=msgspec.structs.replace(value.validated, **changes))
    return msgspec.structs.replace(value, **changes)


def read(value: Value, now: datetime = START) -> Value:
    headers = Envelope(POSITION, "event-7", DEADLINE).headers()
    record = ConsumerRecord("topic", 0, 0, 0, 0, b"u-1", encode(value), None, 0, 0, headers)
    match value:
        case ValidatedEvent():
            return reader(validated_codec, FRESHNESS_OF)(record, now)
        case Candidate():
            return reader(candidate_codec, FRESHNESS_OF)(record, now)
        case Alert():
            return reader(alert_codec, FRESHNESS_OF)(record, now)


def deadline_of(value: Value) -> datetime:
    return value.validated.deadline if isinstance(value, Candidate) else value.deadline


VALUES = [validated(), candidate(validated()), alert()]
ALL = pytest.mark.parametrize("value", VALUES, ids=["validated", "candidate", "alert"])


@ALL
def test_what_the_freshness_allows_is_read_as_it_was_written(value: Value) -> None:
    assert read(value) == value
    assert read(value, DEADLINE + MONTHS) == value


@ALL
def test_a_deadline_beyond_it_is_one_freshness_after_the_event_was_read(value: Value) -> None:
    far = replaced(value, deadline=START + MONTHS)

    assert read(far, START + timedelta(minutes=3)) == replaced(value, deadline=DEADLINE)


@ALL
def test_one_that_says_to_be_read_in_the_future_has_one_freshness_from_now(value: Value) -> None:
    far = replaced(value, deadline=START + MONTHS, read_at=START + MONTHS)

    assert deadline_of(read(far)) == START + FRESHNESS


@ALL
@pytest.mark.parametrize("name", ["read_at", "deadline"])
def test_a_time_without_a_zone_is_unreadable(value: Value, name: str) -> None:
    with pytest.raises(UnreadableError, match="with a timezone component"):
        read(replaced(value, **{name: START.replace(tzinfo=None)}))


@ALL
def test_a_time_that_no_event_can_have_is_unreadable(value: Value) -> None:
    with pytest.raises(UnreadableError, match=r"year 9999 is out of range|outside of the years 2000 to 2100"):
        read(replaced(value, read_at=datetime(9999, 12, 31, 23, 59, tzinfo=timezone(timedelta(hours=-14)))))


ZONES = st.builds(timezone, st.timedeltas(timedelta(hours=-23), timedelta(hours=23)))
MOMENTS = st.datetimes(timezones=ZONES | st.just(UTC))


@given(
    value=st.sampled_from(VALUES),
    deadline=MOMENTS,
    read_at=MOMENTS,
    now=st.timedeltas(timedelta(), timedelta(days=30)),
)
def test_whatever_a_record_says_it_is_held_for_one_freshness_at_most(
    value: Value, deadline: datetime, read_at: datetime, now: timedelta
) -> None:
    try:
        found = read(replaced(value, deadline=deadline, read_at=read_at), START + now)
    except UnreadableError:
        return
    assert deadline_of(found) <= START + now + FRESHNESS


def test_an_event_type_that_the_rules_do_not_know_has_the_longest_freshness() -> None:
    assert FRESHNESS_OF("teleported") == FRESHNESS
