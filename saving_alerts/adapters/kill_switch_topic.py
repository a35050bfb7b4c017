"""The kill switches, on a compacted Kafka topic: read to its end before the first event, and followed from then on.

They need neither Redis nor S3, so pushes can be stopped when both are down. Nothing that stands on the topic ends who
reads it: `domain/kill_switches.py` says what a record counts as that is no switch.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from mode import Service

from saving_alerts.adapters.standing_switches import NAME_OF_THE_REST, StandingSwitches
from saving_alerts.domain.decoding import printable
from saving_alerts.domain.kill_switches import StandingSwitch, UnreadableSwitch, name_of
from saving_alerts.kafka.connection import KafkaConnection, KafkaFailedError
from saving_alerts.kafka.consumers import FETCH_MILLISECONDS, RECONNECT_PAUSE_SECONDS, Connect, new_consumer, started
from saving_alerts.kafka.refusals import in_words

log = logging.getLogger(__name__)

# At least so long after a reading, and so many times as long as it took: looking again costs little of a worker's time.
READ_AGAIN_SECONDS = 10.0
READ_AGAIN_TIMES = 20
READ_SECONDS = 30.0  # a command waits so long for the end of the topic, which has a few records


def consumer_of(connection: KafkaConnection) -> AIOKafkaConsumer:
    """Where the topic is not what it was (made anew, cut off), this one fails and does not skip: it is read anew."""
    return new_consumer(connection, auto_offset_reset="none")


async def switches_now(connect: Connect, topic: str) -> StandingSwitches:
    """What stands on the topic now. Raises KafkaFailedError where that cannot be read to its end."""
    try:
        async with asyncio.timeout(READ_SECONDS), started(connect) as consumer:
            return await _read_to_end(consumer, topic)
    except TimeoutError as error:
        raise KafkaFailedError(f"{topic} could not be read to its end within {READ_SECONDS:g} s") from error
    except Exception as error:
        raise KafkaFailedError(f"{topic} cannot be read: {_in_words(error)}") from error


class KillSwitchTopic(Service):
    """Follows the topic. If that fails, the switches that are known stay, and it is read again from its beginning.

    `switches` are those that are on, by the keys of what they stop. `next_offset` is the next offset it will read, and
    everything before it is obeyed; None before the topic was read to its end, 0 for an empty one. `problem` says why it
    is not followed now.
    """

    def __init__(self, connect: Connect, topic: str) -> None:
        super().__init__()
        self._connect = connect
        self._topic = topic
        self._known: StandingSwitches | None = None
        self.problem: str | None = None

    @property
    def switches(self) -> Mapping[str, StandingSwitch]:
        return self._known.stopping if self._known else {}

    @property
    def listed(self) -> list[StandingSwitch]:
        """All that are on: what cannot be read first, then by name."""
        return self._known.listed if self._known else []

    @property
    def next_offset(self) -> int | None:
        return self._known.next_offset if self._known else None

    async def on_start(self) -> None:
        """Return when the topic was read to its end."""
        at_end = asyncio.Event()
        self.add_future(self._follow(at_end))
        await self.wait(at_end.wait())

    async def _follow(self, at_end: asyncio.Event) -> None:
        while not self.should_stop:
            try:
                await self._follow_until_it_fails(at_end)
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not end the worker
                self.problem = _in_words(error)
                log.warning("the kill switches cannot be followed, what is known stays: %s", self.problem)
                await self.sleep(RECONNECT_PAUSE_SECONDS)

    async def _follow_until_it_fails(self, at_end: asyncio.Event) -> None:
        async with started(self._connect) as consumer:
            # What is read again counts from when it is complete: nothing is off in between that nobody turned off.
            began = _now()
            read = await _read_to_end(consumer, self._topic)
            again_at = _now() + max(READ_AGAIN_SECONDS, READ_AGAIN_TIMES * (_now() - began))
            self._replace(read)
            at_end.set()
            while not self.should_stop and not (read.is_outdated and _now() >= again_at):
                await _take(consumer, self._apply)

    def _replace(self, read: StandingSwitches) -> None:
        before = self._known or StandingSwitches()
        self._known, self.problem = read, None
        for key in {**before.by_key, **read.by_key}:
            _log_change(name_of(key), before.by_key.get(key), read.by_key.get(key))
        _log_change(NAME_OF_THE_REST, before.rest, read.rest)

    def _apply(self, record: ConsumerRecord) -> None:
        known = self._known = self._known or StandingSwitches()
        key = record.key or b""
        before, rest = known.by_key.get(key), known.rest
        known.apply(record)
        _log_change(name_of(key), before, known.by_key.get(key))
        _log_change(NAME_OF_THE_REST, rest, known.rest)


def _log_change(name: str, before: StandingSwitch | None, after: StandingSwitch | None) -> None:
    if after is None and before is not None:
        log.warning("kill switch off: %s", name)
    elif after is not None and after != before:
        level = logging.CRITICAL if isinstance(after, UnreadableSwitch) else logging.WARNING
        log.log(level, "kill switch on: %s", after)


async def _read_to_end(consumer: AIOKafkaConsumer, topic: str) -> StandingSwitches:
    """All that stands there now, with the consumer behind it.

    Where not all that passed had room at once, it is read once more, and only what stood at the end is kept.
    """
    read = await _read(consumer, topic, lambda _record: True)
    if not read.rest or not read.can_tell_what_stands:
        return read
    kept = await _read(consumer, topic, read.counts_at_the_end)
    if kept.next_offset < read.next_offset:
        raise KafkaFailedError(f"{topic} was made anew while it was read")
    return kept


async def _read(consumer: AIOKafkaConsumer, topic: str, counts: Callable[[ConsumerRecord], bool]) -> StandingSwitches:
    numbers = sorted(consumer.partitions_for_topic(topic) or {0})
    partitions = [TopicPartition(topic, number) for number in numbers]
    consumer.assign(partitions)
    await consumer.seek_to_beginning(*partitions)
    ends = await consumer.end_offsets(partitions)
    read = StandingSwitches()
    while not all([await consumer.position(partition) >= end for partition, end in ends.items()]):
        await _take(consumer, lambda record: read.apply(record) if counts(record) else None)
    read.reach(await consumer.position(partitions[0]))
    return read


async def _take(consumer: AIOKafkaConsumer, apply: Callable[[ConsumerRecord], None]) -> None:
    fetched = await consumer.getmany(timeout_ms=FETCH_MILLISECONDS)
    for record in (record for records in fetched.values() for record in records):
        apply(record)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _in_words(error: Exception) -> str:
    return printable(in_words(error))
