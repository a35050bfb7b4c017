"""Read topics from offset to offset, beside the workers: no group, no commits, only what is committed upstream."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition

from saving_alerts.domain.decisions import Decision, Receipt
from saving_alerts.kafka.client import KafkaConnection, translated_errors
from saving_alerts.kafka.codecs import UnreadableError, decode_ledger

POLL_MS = 200
FETCH_MAX_BYTES = 1024 * 1024
# What was fetched is unpacked bit by bit: unpacked, small records are many times as large.
BATCH_MAX_RECORDS = 10_000
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


class Progress(Protocol):
    """Somebody who watches what takes long."""

    def begin(self, topic: str, offsets: int) -> Advance:
        """So many offsets of `topic` are read now; what it returns is told how many more are behind."""


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
    async with reader(connection) as consumer:
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
                fetched = await consumer.getmany(*ends, timeout_ms=POLL_MS, max_records=BATCH_MAX_RECORDS)
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
async def reader(connection: KafkaConnection) -> AsyncIterator[AIOKafkaConsumer]:
    """A started consumer without a group, which reads only what is committed upstream; stopped at the end."""
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


def decoded(record: StoredRecord) -> Decision | Receipt | None:
    """One record of the decision topic; None where it is not one of ours."""
    try:
        return decode_ledger(record.value)
    except UnreadableError:
        return None
