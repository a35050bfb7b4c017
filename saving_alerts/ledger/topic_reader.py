"""Read topics from offset to offset, beside the workers: without a group, and committed transactions only."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition

from saving_alerts.domain.decisions import Decision, Receipt
from saving_alerts.kafka.client import reaching, translated_errors
from saving_alerts.kafka.codecs import UnreadableError, decode_ledger
from saving_alerts.kafka.connection import KafkaConnection
from saving_alerts.kafka.consumers import new_consumer
from saving_alerts.kafka.searching import Sought

POLL_MS = 200  # how long one poll waits for records
FETCH_MAX_BYTES = 1024 * 1024  # of one partition: bounds the memory
# The same where little of it is unpacked: a fetch costs a round trip, and nothing is fetched ahead.
SEARCH_MAX_BYTES = 8 * 1024 * 1024
# Unpacked, small records take many times the memory of their fetch: a batch bounds how many are unpacked at a time.
BATCH_MAX_RECORDS = 10_000
STALL_SECONDS = 60  # without any new record it is an error: a command must not wait for ever


class StoredRecord(Protocol):
    """A record on a topic. `timestamp` is in milliseconds since the epoch."""

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


class Progress(Protocol):
    """Shows the progress of a long reading."""

    def begin(self, topic: str, offsets: int) -> Advance:
        """Called before so many offsets of `topic` are read. The result is called with how many more were read."""


def _silent(_offsets: int) -> None:
    pass


async def read(
    connection: KafkaConnection,
    topic: str,
    spans: Mapping[int, Span],
    advance: Advance = _silent,
    sought: Sought | None = None,
) -> AsyncIterator[list[StoredRecord]]:
    """All records of the spans in batches, in order per partition. `advance` is called with how many offsets were read.

    With `sought` many that do not have those bytes are left out, and it is many times as fast.

    It ends when the consumer's position has reached the end of every span: the last offsets may hold no record. Raises
    KafkaFailedError, also if no position moves for STALL_SECONDS.
    """
    ends = {TopicPartition(topic, number): span.end for number, span in spans.items() if span.length}
    if not ends:
        return
    async with reader(connection, sought) as consumer:
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
    """The next records, perhaps none. Removes the partitions that are read to their end from `ends`."""
    with translated_errors("reading stopped"):
        async with asyncio.timeout(STALL_SECONDS):
            before = after = await _positions(consumer, ends)
            while after == before:
                fetched = await consumer.getmany(*ends, timeout_ms=POLL_MS, max_records=BATCH_MAX_RECORDS)
                after = await _positions(consumer, ends)
    batch = [record for partition, records in fetched.items() for record in records if record.offset < ends[partition]]
    advance(sum(min(after[each], ends[each]) - before[each] for each in ends))
    for partition in [each for each in ends if after[each] >= ends[each]]:
        # Otherwise the consumer would fetch at the end again and again, and the broker holds an empty fetch back.
        consumer.pause(partition)
        del ends[partition]
    return batch


async def _positions(consumer: AIOKafkaConsumer, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
    return {partition: await consumer.position(partition) for partition in partitions}


@asynccontextmanager
async def reader(connection: KafkaConnection, sought: Sought | None = None) -> AsyncIterator[AIOKafkaConsumer]:
    """A started consumer without a group, which reads committed transactions only; stopped at the end."""
    async with reaching(connection):
        consumer = new_consumer(
            connection,
            group_id=None,
            enable_auto_commit=False,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=SEARCH_MAX_BYTES if sought else FETCH_MAX_BYTES,
            key_deserializer=sought,
        )
    try:
        async with reaching(connection):
            await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


def decoded(record: StoredRecord) -> Decision | Receipt | None:
    """One record of the decision topic; None if it cannot be read."""
    try:
        return decode_ledger(record.value)
    except UnreadableError:
        return None
