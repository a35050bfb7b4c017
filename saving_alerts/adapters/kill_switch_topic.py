"""The kill switches, on a compacted Kafka topic: known before the first event, followed ever after.

They need neither Redis nor S3, and survive the loss of both.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from mode import Service

from saving_alerts.domain.kill_switches import KillSwitch
from saving_alerts.kafka.refused import last_offset_of

log = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0

_decoder = msgspec.json.Decoder(KillSwitch)


class KillSwitchTopic(Service):
    """Follows the topic. `switches` are those that are on; `behind` is the next offset it will read."""

    def __init__(self, connect: Callable[[], AIOKafkaConsumer], topic: str) -> None:
        super().__init__()
        self._connect = connect
        self._topic = topic
        self._switches: dict[str, KillSwitch] = {}
        self.seen: int | None = None

    @property
    def switches(self) -> Mapping[str, KillSwitch]:
        return self._switches

    async def on_start(self) -> None:
        """Return when everything that stands on the topic is known."""
        known = asyncio.Event()
        self.add_future(self._follow(known))
        await self.wait(known.wait())

    async def _follow(self, known: asyncio.Event) -> None:
        while not self.should_stop:
            try:
                await self._read(known)
            except KafkaError as error:
                log.warning("the kill switches cannot be followed, what is known stays: %r", error)
                await self.sleep(PAUSE_SECONDS)

    async def _read(self, known: asyncio.Event) -> None:
        consumer = self._connect()
        try:
            await consumer.start()
            partitions = await self._assign(consumer)
            ends = await consumer.end_offsets(partitions)
            while not self.should_stop:
                if not known.is_set() and await _is_at(consumer, ends):
                    self.seen = self.seen or 0
                    known.set()
                await self._take(consumer)
        finally:
            await consumer.stop()

    async def _assign(self, consumer: AIOKafkaConsumer) -> list[TopicPartition]:
        numbers = consumer.partitions_for_topic(self._topic) or {0}
        partitions = [TopicPartition(self._topic, number) for number in sorted(numbers)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        return partitions

    async def _take(self, consumer: AIOKafkaConsumer) -> None:
        fetched = await consumer.getmany(timeout_ms=200)
        for record in (record for records in fetched.values() for record in records):
            self._note(record)

    def _note(self, record: ConsumerRecord) -> None:
        key = (record.key or b"").decode(errors="replace")
        if record.value is None:
            if self._switches.pop(key, None):
                log.warning("kill switch off: %s", key)
        elif switch := _readable(record.value):
            self._switches[key] = switch
            log.warning("kill switch on: %s", switch)
        self.seen = max(self.seen or 0, last_offset_of(record) + 1)


def _readable(value: bytes) -> KillSwitch | None:
    """What a newer release wrote and nobody here can read must not end the worker, but somebody should see it."""
    try:
        return _decoder.decode(value)
    except msgspec.DecodeError as error:
        log.critical("a kill switch cannot be read, and is not followed: %s: %r", error, value[:200])
        return None


async def _is_at(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
    return all([await consumer.position(partition) >= end for partition, end in ends.items()])
