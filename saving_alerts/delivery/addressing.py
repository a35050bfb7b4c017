"""Whose a record, an event, a candidate or an alert is: which decision is for it, and which partition it goes to."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec
from aiokafka import ConsumerRecord

from saving_alerts.domain.alerts import Alert, Departure
from saving_alerts.domain.coupons import Candidate
from saving_alerts.domain.deadlines import latest_deadline
from saving_alerts.domain.decisions import PushText, Subject
from saving_alerts.domain.events import (
    MAX_IDENTIFIER_CHARACTERS,
    PLAUSIBLE_YEARS,
    SourceRecord,
    ValidatedEvent,
    subject_of_event,
)
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.codecs import Codec, Envelope, UnreadableError

Dispatched = Alert | Departure
Internal = TypeVar("Internal", ValidatedEvent, Candidate, Alert, Dispatched)


class Addressed(msgspec.Struct, frozen=True, gc=False):
    """Whose a stage's input is: the position that its decision is for, and the subject it names.

    `received_at` is the tracking API's time, from which the event's age counts, and `deadline` is the event's; None
    where they are not known yet.
    """

    position: SourcePosition
    subject: Subject
    received_at: datetime | None = None
    deadline: datetime | None = None


def read_source(record: ConsumerRecord, read_at: datetime) -> SourceRecord:
    """A record of the source topic, undecoded."""
    return SourceRecord(SourcePosition(record.topic, record.partition, record.offset), record.value, read_at)


def reader(
    codec: Codec[Internal], freshness_of: Callable[[str], timedelta]
) -> Callable[[ConsumerRecord, datetime], Internal]:
    """Decodes the records of one internal topic. What it returns raises UnreadableError.

    `freshness_of`: of an event type, by the rules in use. No deadline is later than they allow, whoever wrote it.
    """

    def read(record: ConsumerRecord, read_at: datetime) -> Internal:
        return _with_bounded_deadline(codec.decode(record.value, record.headers), freshness_of, read_at)

    return read


def _with_bounded_deadline(value: Internal, freshness_of: Callable[[str], timedelta], now: datetime) -> Internal:
    if isinstance(value, Candidate):
        return msgspec.structs.replace(value, validated=_with_bounded_deadline(value.validated, freshness_of, now))
    origin: ValidatedEvent | Dispatched = value
    named = origin.event if isinstance(origin, ValidatedEvent) else origin
    _refuse_times_of_no_event(origin.read_at, named.received_at, named.occurred_at, origin.deadline)
    kind = origin.event.type if isinstance(origin, ValidatedEvent) else origin.event_type
    latest = latest_deadline(origin.read_at, freshness_of(kind), now)
    if origin.deadline <= latest:
        return value
    return msgspec.structs.replace(value, deadline=latest)


def _refuse_times_of_no_event(*moments: datetime) -> None:
    """Raises UnreadableError. A deadline may lie anywhere: it is bounded."""
    if any(moment.tzinfo is None for moment in moments):
        raise UnreadableError("a time without a zone")
    if any(moment.year not in PLAUSIBLE_YEARS for moment in moments[:-1]):
        raise UnreadableError(f"a time outside of the years {PLAUSIBLE_YEARS[0]} to {PLAUSIBLE_YEARS[-1]}")


def address_of_source(record: SourceRecord) -> Addressed:
    return Addressed(record.position, Subject(read_at=record.read_at))


def address_of(value: ValidatedEvent | Candidate | Dispatched) -> Addressed:
    """Of what travels between the stages."""
    origin = _origin(value)
    if isinstance(origin, ValidatedEvent):
        subject = subject_of_event(origin.event, origin.read_at)
        return Addressed(origin.position, subject, origin.event.received_at, origin.deadline)
    return Addressed(origin.position, _subject_of(origin), origin.received_at, origin.deadline)


def to_next_stage(value: ValidatedEvent | Candidate | Dispatched) -> tuple[str, Envelope]:
    """The user whose partition it goes to, and the headers."""
    origin = _origin(value)
    named = origin.event if isinstance(origin, ValidatedEvent) else origin
    return named.user_id, Envelope(origin.position, named.event_id, origin.deadline)


def address_by_headers(record: ConsumerRecord) -> Addressed:
    """Whose record it is when nobody can read its body; its own place where not even the headers say.

    Internal records are keyed by the user, and only they have our headers.
    """
    try:
        envelope = Envelope.read(record.headers)
    except ValueError:
        return Addressed(SourcePosition(record.topic, record.partition, record.offset), Subject())
    return Addressed(envelope.position, Subject(event_id=envelope.event_id, user_id=_user_of(record.key)))


def _user_of(key: bytes | None) -> str | None:
    """None for a key that is too long to be a user: a decision that named it might not fit into a record."""
    user_id = key.decode(errors="replace") if key else ""
    return user_id if 0 < len(user_id) <= MAX_IDENTIFIER_CHARACTERS else None


def source_of(record: ConsumerRecord) -> SourcePosition:
    """Which event a record stands for, without a look at its body."""
    return address_by_headers(record).position


def _origin(value: ValidatedEvent | Candidate | Dispatched) -> ValidatedEvent | Dispatched:
    return value.validated if isinstance(value, Candidate) else value


def _subject_of(alert: Dispatched) -> Subject:
    return Subject(
        event_id=alert.event_id,
        user_id=alert.user_id,
        merchant_id=alert.merchant_id,
        event_type=alert.event_type,
        occurred_at=alert.occurred_at,
        read_at=alert.read_at,
        timezone=alert.timezone,
        locale=alert.locale,
        text=PushText(alert.title, alert.body) if isinstance(alert, Alert) else None,
    )
