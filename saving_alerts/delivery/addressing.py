"""Whose a record, an event, a candidate or an alert is: which decision is for it, and which partition it goes to."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

import msgspec
from aiokafka import ConsumerRecord

from saving_alerts.domain.alerts import Alert
from saving_alerts.domain.coupons import Candidate
from saving_alerts.domain.decisions import Subject
from saving_alerts.domain.events import SourceRecord, ValidatedEvent, subject_of_event
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.codecs import Codec, Envelope

Internal = TypeVar("Internal", ValidatedEvent, Candidate, Alert)


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


def reader(codec: Codec[Internal]) -> Callable[[ConsumerRecord, datetime], Internal]:
    """Decodes the records of one internal topic. What it returns raises UnreadableError."""

    def read(record: ConsumerRecord, _read_at: datetime) -> Internal:
        return codec.decode(record.value, record.headers)

    return read


def address_of_source(record: SourceRecord) -> Addressed:
    return Addressed(record.position, Subject(read_at=record.read_at))


def address_of(value: ValidatedEvent | Candidate | Alert) -> Addressed:
    """Of what travels between the stages."""
    origin = _origin(value)
    if isinstance(origin, Alert):
        return Addressed(origin.position, _subject_of_alert(origin), origin.received_at, origin.deadline)
    subject = subject_of_event(origin.event, origin.read_at)
    return Addressed(origin.position, subject, origin.event.received_at, origin.deadline)


def to_next_stage(value: ValidatedEvent | Candidate | Alert) -> tuple[str, Envelope]:
    """The user whose partition it goes to, and the headers."""
    origin = _origin(value)
    named = origin if isinstance(origin, Alert) else origin.event
    return named.user_id, Envelope(origin.position, named.event_id, origin.deadline)


def address_by_headers(record: ConsumerRecord) -> Addressed:
    """Whose record it is when nobody can read its body; its own place where not even the headers say.

    Internal records are keyed by the user, and only they have our headers.
    """
    try:
        envelope = Envelope.read(record.headers)
    except (ValueError, UnicodeDecodeError):
        return Addressed(SourcePosition(record.topic, record.partition, record.offset), Subject())
    user_id = record.key.decode(errors="replace") if record.key else None
    return Addressed(envelope.position, Subject(event_id=envelope.event_id, user_id=user_id))


def source_of(record: ConsumerRecord) -> SourcePosition:
    """Which event a record stands for, without a look at its body."""
    return address_by_headers(record).position


def _origin(value: ValidatedEvent | Candidate | Alert) -> ValidatedEvent | Alert:
    return value.validated if isinstance(value, Candidate) else value


def _subject_of_alert(alert: Alert) -> Subject:
    return Subject(
        event_id=alert.event_id,
        user_id=alert.user_id,
        merchant_id=alert.merchant_id,
        event_type=alert.event_type,
        occurred_at=alert.occurred_at,
        read_at=alert.read_at,
    )
