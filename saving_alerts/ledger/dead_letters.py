"""Dead letters: found by time or by place, and put back where they stood."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from aiokafka import AIOKafkaProducer

from saving_alerts.domain.reasons import Reason
from saving_alerts.kafka.client import KafkaConnection, KafkaFailedError, translated_errors
from saving_alerts.kafka.codecs import HEADER_NAMES, DeadLetterRecord, Envelope, UnreadableError, decode_dead_letter
from saving_alerts.kafka.topics import Topics
from saving_alerts.ledger.offset_lookup import offset_lookup, partitions_of, spans_since
from saving_alerts.ledger.topic_reader import Span, StoredRecord, read


@dataclass(frozen=True, slots=True, order=True)
class DeadLetterPlace:
    """Where a dead letter stands on the dead-letter topic, written `3:17`: how people name it."""

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
        """Where the bytes stood when they failed, as an operator writes it."""
        return f"{self.record.topic} {self.record.partition} {self.record.offset}"

    @property
    def content(self) -> tuple[str, str]:
        """Topic and hash of the bytes: the same for a record and its replay."""
        return self.record.topic, self.record.sha256

    @property
    def deadline(self) -> datetime | None:
        """The event's; None where the record does not say, as on the source."""
        try:
            return Envelope.read(self.record.headers).deadline
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class UnreadableLetter:
    """What stands on the dead-letter topic and is none of ours, and why."""

    place: DeadLetterPlace
    problem: str

    def __str__(self) -> str:
        return f"{self.place}: it is no dead letter that this release can read: {self.problem}"


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """What was found, oldest first, and by place what stands among it."""

    letters: tuple[DeadLetter, ...]
    unreadable: tuple[UnreadableLetter, ...]


async def dead_letters_since(connection: KafkaConnection, topics: Topics, since: datetime) -> DeadLetters:
    """Those written since then. Raises KafkaFailedError."""
    topic = topics.dead_letters.name
    spans = await spans_since(connection, topic, await partitions_of(connection, topic), since)
    found = [letter async for letter in _letters(connection, topic, spans)]
    letters = [each for each in found if isinstance(each, DeadLetter) and each.record.failed_at >= since]
    unreadable = [each for each in found if isinstance(each, UnreadableLetter)]
    return DeadLetters(
        tuple(sorted(letters, key=lambda letter: letter.record.failed_at)),
        tuple(sorted(unreadable, key=lambda letter: letter.place)),
    )


async def dead_letter_at(
    connection: KafkaConnection, topics: Topics, place: DeadLetterPlace
) -> DeadLetter | UnreadableLetter | None:
    """None where there is none, or none any more. Raises KafkaFailedError."""
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
    found = [letter async for letter in _letters(connection, topic, spans)]
    return found[0] if found else None


async def _letters(
    connection: KafkaConnection, topic: str, spans: Mapping[int, Span]
) -> AsyncIterator[DeadLetter | UnreadableLetter]:
    async for batch in read(connection, topic, spans):
        for letter in map(_letter, batch):
            yield letter


def _letter(stored: StoredRecord) -> DeadLetter | UnreadableLetter:
    place = DeadLetterPlace(stored.partition, stored.offset)
    try:
        return DeadLetter(place, decode_dead_letter(stored.value))
    except UnreadableError as error:
        return UnreadableLetter(place, str(error))


def why_not(letter: DeadLetter, topics: Topics) -> str | None:
    """Why this letter cannot be replayed; None where it can."""
    record = letter.record
    inputs = [topic.name for topic in topics.inputs.values()]
    if record.body_bytes > len(record.body):
        return f"only {len(record.body):,} of its {record.body_bytes:,} bytes were kept"
    if record.topic not in inputs:
        return f"it stood on {record.topic}, which no worker of this deployment reads"
    if record.topic != topics.source.name and len(record.headers) < len(HEADER_NAMES):
        return "it had not the headers that a stage reads"
    return None


def why_not_among_many(letter: DeadLetter, topics: Topics) -> str | None:
    """As `why_not`, and also what only an operator who names it can want."""
    if letter.record.reason != Reason.DEAD_LETTER:
        return f"it would end as {letter.record.reason} again"
    if not letter.record.tried:
        return "it killed its worker, or was skipped by hand"
    return why_not(letter, topics)


async def replay(connection: KafkaConnection, letters: Sequence[DeadLetter], advance: Callable[[int], None]) -> None:
    """Write them again where they stood, behind what is there; `advance` is told of each. Raises KafkaFailedError.

    On an internal topic an event keeps its position, and what is decided now counts more than `dead_letter`. On the
    source it is a new event with the same id.
    """
    with translated_errors(f"Kafka at {connection.bootstrap_servers}"):
        async with AIOKafkaProducer(**connection.options(), acks="all", enable_idempotence=True) as producer:
            for record in (letter.record for letter in letters):
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
