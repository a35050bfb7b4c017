"""The kill switches, on a compacted Kafka topic: read to its end before the first event, and followed from then on.

They need neither Redis nor S3, so pushes can be stopped when both are down.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from mode import Service

from saving_alerts.domain.kill_switches import KillSwitch

log = logging.getLogger(__name__)

RECONNECT_PAUSE_SECONDS = 1.0  # after a failure of Kafka: an outage costs one attempt a second

_decoder = msgspec.json.Decoder(KillSwitch)


class KillSwitchTopic(Service):
    """Follows the topic. `switches` are those that are on, by key.

    `next_offset` is the offset behind the last record that was read; None before the first one, 0 for an empty topic.
    """

    def __init__(self, connect: Callable[[], AIOKafkaConsumer], topic: str) -> None:
        super().__init__()
        self._connect = connect
        self._topic = topic
        self._switches: dict[str, KillSwitch] = {}
        self.next_offset: int | None = None

    @property
    def switches(self) -> Mapping[str, KillSwitch]:
        return self._switches

    async def on_start(self) -> None:
        """Return when the topic was read to its end."""
        at_end = asyncio.Event()
        self.add_future(self._follow(at_end))
        await self.wait(at_end.wait())

    async def _follow(self, at_end: asyncio.Event) -> None:
        while not self.should_stop:
            try:
                await self._read(at_end)
            except KafkaError as error:
                log.warning("the kill switches cannot be followed, what is known stays: %r", error)
                await self.sleep(RECONNECT_PAUSE_SECONDS)

    async def _read(self, at_end: asyncio.Event) -> None:
        consumer = self._connect()
        try:
            await consumer.start()
            partitions = await self._assign(consumer)
            ends = await consumer.end_offsets(partitions)
            while not self.should_stop:
                if not at_end.is_set() and await _is_at(consumer, ends):
                    self.next_offset = self.next_offset or 0
                    at_end.set()
                await self._poll(consumer)
        finally:
            await consumer.stop()

    async def _assign(self, consumer: AIOKafkaConsumer) -> list[TopicPartition]:
        numbers = consumer.partitions_for_topic(self._topic) or {0}
        partitions = [TopicPartition(self._topic, number) for number in sorted(numbers)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        return partitions

    async def _poll(self, consumer: AIOKafkaConsumer) -> None:
        fetched = await consumer.getmany(timeout_ms=200)
        for record in (record for records in fetched.values() for record in records):
            self._apply(record)

    def _apply(self, record: ConsumerRecord) -> None:
        key = (record.key or b"").decode(errors="replace")
        if record.value is None:
            if self._switches.pop(key, None):
                log.warning("kill switch off: %s", key)
        elif switch := decoded_switch(record.value):
            self._switches[key] = switch
            log.warning("kill switch on: %s", switch)
        self.next_offset = max(self.next_offset or 0, record.offset + 1)


def decoded_switch(value: bytes) -> KillSwitch | None:
    """None, with a line in the log, for a record of a newer release that cannot be read: it must not end the worker."""
    try:
        return _decoder.decode(value)
    except msgspec.DecodeError as error:
        log.critical("a kill switch cannot be read, and is not followed: %s: %r", error, value[:200])
        return None


async def _is_at(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
    return all([await consumer.position(partition) >= end for partition, end in ends.items()])
