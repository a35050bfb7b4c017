"""Read topics from offset to offset, beside the workers: no group, no commits, only what is committed upstream."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition

from saving_alerts.kafka_client import KafkaConnection, translated_errors

POLL_MS = 200
FETCH_MAX_BYTES = 1024 * 1024
STALL_SECONDS = 60


class StoredRecord(Protocol):
    """A record as it stands on a topic. `timestamp` is in milliseconds since the epoch."""

    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> tuple[tuple[str, bytes], ...]: ...


@dataclass(frozen=True, slots=True)
class Span:
    """Offsets of one partition, from `start` to before `end`."""

    start: int
    end: int

    @property
    def length(self) -> int:
        return max(self.end - self.start, 0)


Advance = Callable[[int], None]


def _silent(_offsets: int) -> None:
    pass


async def read(
    connection: KafkaConnection, topic: str, spans: Mapping[int, Span], advance: Advance = _silent
) -> AsyncIterator[list[StoredRecord]]:
    """All records of the spans in batches, in order per partition. `advance` is told how many offsets are behind.

    It ends when every position has reached its end, because the last offsets may hold no record. Raises
    KafkaFailedError when nothing moves for a minute.
    """
    ends = {TopicPartition(topic, number): span.end for number, span in spans.items() if span.length}
    if not ends:
        return
    async with _consumer(connection) as consumer:
        consumer.assign(list(ends))
        for partition in ends:
            consumer.seek(partition, spans[partition.partition].start)
        while ends:
            batch = await _next_batch(consumer, ends, advance)
            if batch:
                yield batch


async def _next_batch(
    consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int], advance: Advance
) -> list[StoredRecord]:
    """The next records, perhaps none; partitions that are read to their end leave `ends`."""
    with translated_errors("reading stopped"):
        async with asyncio.timeout(STALL_SECONDS):
            before = after = await _positions(consumer, ends)
            while after == before:
                fetched = await consumer.getmany(*ends, timeout_ms=POLL_MS)
                after = await _positions(consumer, ends)
    batch = [record for partition, records in fetched.items() for record in records if record.offset < ends[partition]]
    advance(sum(min(after[each], ends[each]) - before[each] for each in ends))
    for partition in [each for each in ends if after[each] >= ends[each]]:
        # An unread end would be asked for again and again, and an empty fetch makes the broker wait.
        consumer.pause(partition)
        del ends[partition]
    return batch


async def _positions(consumer: AIOKafkaConsumer, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
    return {partition: await consumer.position(partition) for partition in partitions}


@asynccontextmanager
async def _consumer(connection: KafkaConnection) -> AsyncIterator[AIOKafkaConsumer]:
    starting = f"Kafka at {connection.bootstrap_servers}"
    with translated_errors(starting):
        consumer = AIOKafkaConsumer(
            **connection.options(),
            group_id=None,
            enable_auto_commit=False,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=FETCH_MAX_BYTES,
        )
    try:
        with translated_errors(starting):
            await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


class OffsetLookup:
    """Answers where a topic begins, ends, or stood at a moment. All answers are by partition number."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer

    async def beginnings(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        with translated_errors(topic):
            return _by_number(await self._consumer.beginning_offsets(_all(topic, partitions)))

    async def ends(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        """The last stable offsets: an open transaction is not read."""
        with translated_errors(topic):
            return _by_number(await self._consumer.end_offsets(_all(topic, partitions)))

    async def at(self, topic: str, partitions: Iterable[int], moment: datetime) -> dict[int, int]:
        """The first offset written at or after `moment`, the end where there is none.

        The beginning on a cluster that cannot look up times (the embedded one): callers must look at times themselves.
        """
        partitions = tuple(partitions)
        found = await self._written_since(topic, partitions, moment)
        ends = await self.ends(topic, partitions)
        if None in found.values():
            firsts = await self._written_since(topic, partitions, datetime.fromtimestamp(0, UTC))
            ends |= await self.beginnings(topic, [number for number in partitions if firsts[number] is None])
        return {number: ends[number] if place is None else place[0] for number, place in found.items()}

    async def oldest(self, topic: str, partitions: Iterable[int]) -> dict[int, datetime | None]:
        """When the first record that is still there was written; None where there is none."""
        found = await self._written_since(topic, partitions, datetime.fromtimestamp(0, UTC))
        return {
            number: None if place is None else datetime.fromtimestamp(place[1] / 1000, UTC)
            for number, place in found.items()
        }

    async def _written_since(
        self, topic: str, partitions: Iterable[int], moment: datetime
    ) -> dict[int, tuple[int, int] | None]:
        """Offset and time in milliseconds, or None."""
        times = dict.fromkeys(_all(topic, partitions), max(int(moment.timestamp() * 1000), 0))
        with translated_errors(topic):
            found = await self._consumer.offsets_for_times(times)
        return {each.partition: place and (place.offset, place.timestamp) for each, place in found.items()}


def _all(topic: str, partitions: Iterable[int]) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for number in partitions]


def _by_number(offsets: Mapping[TopicPartition, int]) -> dict[int, int]:
    return {partition.partition: offset for partition, offset in offsets.items()}


@asynccontextmanager
async def offset_lookup(connection: KafkaConnection) -> AsyncIterator[OffsetLookup]:
    async with _consumer(connection) as consumer:
        yield OffsetLookup(consumer)
