"""Dead letters: find them by time or by place, and write their records again to the topics they came from."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from aiokafka import AIOKafkaProducer

from saving_alerts.domain.reasons import Reason
from saving_alerts.kafka.client import reaching
from saving_alerts.kafka.codecs import HEADER_NAMES, DeadLetterRecord, Envelope, UnreadableError, decode_dead_letter
from saving_alerts.kafka.connection import KafkaConnection, KafkaFailedError
from saving_alerts.kafka.topics import Topics
from saving_alerts.ledger.offset_lookup import offset_lookup, partitions_of, spans_since
from saving_alerts.ledger.topic_reader import Span, StoredRecord, read


@dataclass(frozen=True, slots=True, order=True)
class DeadLetterPlace:
    """Partition and offset on the dead-letter topic, written `3:17`: the name of a dead letter for operators."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"


class DeadLetter(msgspec.Struct, frozen=True):
    """A dead letter and its place."""

    place: DeadLetterPlace
    record: DeadLetterRecord

    @property
    def stood_at(self) -> str:
        """Topic, partition and offset of the record that failed, as the commands take them."""
        return f"{self.record.topic} {self.record.partition} {self.record.offset}"

    @property
    def content(self) -> tuple[str, str]:
        """Topic and hash of the bytes: the same for a record and for its replay."""
        return self.record.topic, self.record.sha256

    @property
    def deadline(self) -> datetime | None:
        """The event's deadline; None if the record has no such header, as on the source."""
        try:
            return Envelope.read(self.record.headers).deadline
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class UnreadableDeadLetter:
    """A record on the dead-letter topic that is no dead letter of this release, and why."""

    place: DeadLetterPlace
    problem: str

    def __str__(self) -> str:
        return f"{self.place}: it is no dead letter that this release can read: {self.problem}"


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """What was found: dead letters oldest first, and by place the records among them that cannot be read."""

    dead_letters: tuple[DeadLetter, ...]
    unreadable: tuple[UnreadableDeadLetter, ...]


async def dead_letters_since(connection: KafkaConnection, topics: Topics, since: datetime) -> DeadLetters:
    """The dead letters of records that failed since then. Raises KafkaFailedError."""
    topic = topics.dead_letters.name
    spans = await spans_since(connection, topic, await partitions_of(connection, topic), since)
    found = [each async for each in _dead_letters(connection, topic, spans)]
    dead_letters = [each for each in found if isinstance(each, DeadLetter) and each.record.failed_at >= since]
    unreadable = [each for each in found if isinstance(each, UnreadableDeadLetter)]
    return DeadLetters(
        tuple(sorted(dead_letters, key=lambda dead_letter: dead_letter.record.failed_at)),
        tuple(sorted(unreadable, key=lambda each: each.place)),
    )


async def dead_letter_at(
    connection: KafkaConnection, topics: Topics, place: DeadLetterPlace
) -> DeadLetter | UnreadableDeadLetter | None:
    """What stands at a place; None if nothing does, or if retention deleted it. Raises KafkaFailedError."""
    topic = topics.dead_letters.name
    partitions = await partitions_of(connection, topic)
    if place.partition not in partitions:
        return None
    async with offset_lookup(connection) as lookup:
        begins = (await lookup.beginnings(topic, [place.partition]))[place.partition]
        ends = (await lookup.ends(topic, [place.partition]))[place.partition]
    if not begins <= place.offset < ends:
        return None
    spans = {place.partition: Span(place.offset, place.offset + 1)}
    found = [dead_letter async for dead_letter in _dead_letters(connection, topic, spans)]
    return found[0] if found else None


async def _dead_letters(
    connection: KafkaConnection, topic: str, spans: Mapping[int, Span]
) -> AsyncIterator[DeadLetter | UnreadableDeadLetter]:
    async for batch in read(connection, topic, spans):
        for dead_letter in map(_decoded, batch):
            yield dead_letter


def _decoded(stored: StoredRecord) -> DeadLetter | UnreadableDeadLetter:
    place = DeadLetterPlace(stored.partition, stored.offset)
    try:
        return DeadLetter(place, decode_dead_letter(stored.value))
    except UnreadableError as error:
        return UnreadableDeadLetter(place, str(error))


def why_not(dead_letter: DeadLetter, topics: Topics) -> str | None:
    """Why it cannot be replayed; None if it can."""
    record = dead_letter.record
    inputs = [topic.name for topic in topics.inputs.values()]
    if record.last_offset is not None:
        return "its bytes were refused before they were unpacked: they are no record"
    if record.body_bytes > len(record.body):
        return f"only {len(record.body):,} of its {record.body_bytes:,} bytes were kept"
    if record.topic not in inputs:
        return f"it stood on {record.topic}, which no worker of this deployment reads"
    if record.topic != topics.source.name and len(record.headers) < len(HEADER_NAMES):
        return "it had not the headers that a stage reads"
    return None


def why_not_among_many(dead_letter: DeadLetter, topics: Topics) -> str | None:
    """As `why_not`, and also why a replay of many leaves it out: an operator can still replay it by its name."""
    if dead_letter.record.reason != Reason.DEAD_LETTER:
        return f"it would end as {dead_letter.record.reason} again"
    if not dead_letter.record.tried:
        return "it killed its worker, or was skipped by hand"
    return why_not(dead_letter, topics)


async def replay(
    connection: KafkaConnection, dead_letters: Sequence[DeadLetter], advance: Callable[[int], None]
) -> None:
    """Append the records again to their partitions; calls `advance(1)` after each. Raises KafkaFailedError.

    On an internal topic the event keeps its source position, and its new decision counts more than `dead_letter`. On
    the source it becomes a new event with the same id.
    """
    async with reaching(connection):
        producer = AIOKafkaProducer(**connection.options(), acks="all", enable_idempotence=True)
        async with producer:
            for record in (dead_letter.record for dead_letter in dead_letters):
                await _refuse_unknown_partition(producer, record)
                await producer.send_and_wait(
                    record.topic,
                    record.body,
                    key=record.key,
                    partition=record.partition,
                    headers=list(record.headers),
                )
                advance(1)


async def _refuse_unknown_partition(producer: AIOKafkaProducer, record: DeadLetterRecord) -> None:
    if record.partition not in await producer.partitions_for(record.topic):
        raise KafkaFailedError(f"{record.topic} has no partition {record.partition}: {record.offset} cannot go there")
