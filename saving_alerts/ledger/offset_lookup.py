"""The first and last offsets of topics, and their offsets at a moment: spans are made of them."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

from aiokafka import AIOKafkaConsumer, TopicPartition

from saving_alerts.domain.moments import EPOCH, of_milliseconds
from saving_alerts.kafka.client import partition_counts, translated_errors
from saving_alerts.kafka.connection import KafkaConnection, KafkaFailedError
from saving_alerts.ledger.topic_reader import Span, reader


class OffsetLookup:
    """Offsets of a topic, by partition number. Every call can raise KafkaFailedError."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer

    async def beginnings(self, topic: str, partitions: Collection[int]) -> dict[int, int]:
        with translated_errors(topic):
            return _by_number(await self._consumer.beginning_offsets(_all(topic, partitions)))

    async def ends(self, topic: str, partitions: Collection[int]) -> dict[int, int]:
        """The last stable offsets: records of an open transaction are behind them."""
        with translated_errors(topic):
            return _by_number(await self._consumer.end_offsets(_all(topic, partitions)))

    async def at(self, topic: str, partitions: Collection[int], moment: datetime) -> dict[int, int]:
        """The first offset written at or after `moment`; the end if there is none.

        On a Kafka that cannot look up times (the embedded one) it is the beginning: rather too much than too little.
        """
        # The ends are asked for first: a record that is written meanwhile must not be before the offset we return.
        ends = await self.ends(topic, partitions)
        found = await self._written_since(topic, partitions, moment)
        if None in found.values():
            firsts = await self._written_since(topic, partitions, EPOCH)
            ends |= await self.beginnings(topic, [number for number in partitions if firsts[number] is None])
        return {number: ends[number] if place is None else place[0] for number, place in found.items()}

    async def up_to(self, topic: str, partitions: Collection[int], moment: datetime) -> dict[int, int]:
        """As `at`, for the end of a span: on a Kafka that cannot look up times it is the end."""
        ends = await self.ends(topic, partitions)
        found = await self._written_since(topic, partitions, moment)
        return {number: ends[number] if place is None else place[0] for number, place in found.items()}

    async def oldest(self, topic: str, partitions: Collection[int]) -> dict[int, datetime | None]:
        """The time of the first record that the partition still has; None if it has none."""
        found = await self._written_since(topic, partitions, EPOCH)
        return {number: None if place is None else of_milliseconds(place[1]) for number, place in found.items()}

    async def _written_since(
        self, topic: str, partitions: Collection[int], moment: datetime
    ) -> dict[int, tuple[int, int] | None]:
        """Offset and time (milliseconds since the epoch) of the first record written at or after `moment`, or None."""
        times = dict.fromkeys(_all(topic, partitions), max(int(moment.timestamp() * 1000), 0))
        with translated_errors(topic):
            found = await self._consumer.offsets_for_times(times)
        return {each.partition: place and (place.offset, place.timestamp) for each, place in found.items()}


def _all(topic: str, partitions: Collection[int]) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for number in partitions]


def _by_number(offsets: Mapping[TopicPartition, int]) -> dict[int, int]:
    return {partition.partition: offset for partition, offset in offsets.items()}


@asynccontextmanager
async def offset_lookup(connection: KafkaConnection) -> AsyncIterator[OffsetLookup]:
    async with reader(connection) as consumer:
        yield OffsetLookup(consumer)


async def spans_since(
    connection: KafkaConnection, topic: str, partitions: Collection[int], moment: datetime
) -> dict[int, Span]:
    """From the first offset written at or after `moment` to the end. Raises KafkaFailedError."""
    async with offset_lookup(connection) as lookup:
        starts = await lookup.at(topic, partitions, moment)
        ends = await lookup.ends(topic, partitions)
    return {number: Span(starts[number], ends[number]) for number in partitions}


async def partitions_of(connection: KafkaConnection, topic: str) -> range:
    """The partition numbers of a topic. Raises KafkaFailedError, also if there is no such topic."""
    count = (await partition_counts(connection)).get(topic)
    if count is None:
        raise KafkaFailedError(
            f"there is no topic {topic} on Kafka at {connection.bootstrap_servers}, or our user may not see it"
        )
    return range(count)
