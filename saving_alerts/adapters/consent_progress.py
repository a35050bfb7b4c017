"""How far consent changes have come: from upstream's topic to ours, and from there to this worker."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition

from saving_alerts.kafka.connection import KafkaFailedError

LOOK_AGAIN_SECONDS = 0.2

Offsets = Mapping[TopicPartition, int]
Tell = Callable[[str], None]


class ConsentProgress:
    """Asks Kafka with a consumer of the re-keying group that joins nobody and reads nothing.

    `tell` is called with what is waited for.
    """

    def __init__(self, consumer: AIOKafkaConsumer, source: str, target: str) -> None:
        self._consumer = consumer
        self._source = source
        self._target = target

    async def until_rekeyed(self, tell: Tell) -> None:
        """Return when all that stands on upstream's topic now is on ours. Raises KafkaFailedError."""
        for topic in (self._source, self._target):  # else it knows of no topic before its metadata are too old
            await self._consumer._client.add_topic(topic)  # noqa: SLF001 - the driver has no public way
        numbers = self._consumer.partitions_for_topic(self._source)
        if not numbers:
            raise KafkaFailedError(f"{self._source} is not there, or our user may not describe it")
        partitions = [TopicPartition(self._source, number) for number in sorted(numbers)]
        ends = await self._consumer.end_offsets(partitions)
        await _until(self._committed, ends, lambda text: tell(f"{self._source} is re-keyed: {text}"))

    async def until_read(
        self, numbers: Collection[int], read_up_to: Callable[[], Mapping[int, int]], tell: Tell
    ) -> None:
        """Return when what stands now in these partitions of our topic was read, or they are not read any more."""
        wanted = [TopicPartition(self._target, number) for number in sorted(numbers)]
        ends = await self._consumer.end_offsets(wanted) if wanted else {}

        async def read(partitions: Collection[TopicPartition]) -> Offsets:
            offsets = read_up_to()
            return {each: offsets.get(each.partition, ends[each]) for each in partitions}

        await _until(read, ends, lambda text: tell(f"{self._target} is read: {text}"))

    async def _committed(self, partitions: Collection[TopicPartition]) -> Offsets:
        offsets = await asyncio.gather(*(self._consumer.committed(each) for each in partitions))
        return {each: offset or 0 for each, offset in zip(partitions, offsets, strict=True)}


async def _until(
    reached: Callable[[Collection[TopicPartition]], Awaitable[Offsets]], ends: Offsets, tell: Tell
) -> None:
    """An empty partition is not waited for."""
    left = {partition: end for partition, end in ends.items() if end > 0}
    while left:
        now = await reached(left)
        left = {partition: end for partition, end in left.items() if now[partition] < end}
        if left:
            first = min(left)
            tell(f"partition {first.partition} is at {now[first]} of {left[first]}")
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
