"""How far the group is in every partition of its topics, as Kafka says it: also of those that no worker owns.

Asked in the background, and only while somebody looks at a page: the page shows what was found last.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiokafka import AIOKafkaConsumer, TopicPartition

from saving_alerts.domain.moments import of_milliseconds
from saving_alerts.kafka.client import committed_offsets, partition_counts, reaching
from saving_alerts.kafka.connection import KafkaConnection, KafkaFailedError
from saving_alerts.kafka.consumers import new_consumer
from saving_alerts.ports.clock import Clock

log = logging.getLogger(__name__)

LOOK_AGAIN = timedelta(seconds=5)
LOOK_SECONDS = 20.0
# Of the oldest records: a look at more partitions would cost Kafka more than it tells.
MOST_OLDEST = 100
FETCH_BYTES = 64 * 1024
FETCH_MILLISECONDS = 500
MAX_PARTITIONS = 5_000  # of all topics together


@dataclass(frozen=True, slots=True)
class Place:
    """Commit and end of one partition, None while unknown, and when the first record behind the commit was written."""

    committed: int | None
    end: int | None
    oldest_at: datetime | None = None


Places = Mapping[tuple[str, int], Place]
Look = Callable[[], Awaitable[Places]]


class PartitionLooks:
    """`places` are as of the last look; None before the first. `problem` says why there was none since."""

    def __init__(self, look: Look, clock: Clock) -> None:
        self._look = look
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._begun_at: datetime | None = None
        self.places: Places | None = None
        self.problem: str | None = None

    def ask(self) -> None:
        """Somebody looks at the page. Never waits."""
        now = self._clock.now()
        is_fresh = self._begun_at is not None and now - self._begun_at < LOOK_AGAIN
        if (self._task is None or self._task.done()) and not is_fresh:
            self._begun_at = now
            self._task = asyncio.create_task(self._note())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _note(self) -> None:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                self.places, self.problem = await self._look(), None
        except (KafkaFailedError, TimeoutError) as error:
            self.problem = str(error) or f"Kafka did not say within {LOOK_SECONDS:g} s"
        except Exception:
            log.exception("the partitions could not be looked at")
            self.problem = "a fault of this program: see the log"


async def look_at(connection: KafkaConnection, group: str, topics: tuple[str, ...]) -> Places:
    """Every partition of these topics. Raises KafkaFailedError."""
    counts = await partition_counts(connection)
    known = {topic: range(min(counts.get(topic, 0), MAX_PARTITIONS // len(topics))) for topic in topics}
    committed = await committed_offsets(connection, group, known)
    partitions = [TopicPartition(topic, number) for topic, numbers in known.items() for number in numbers]
    async with reaching(connection):
        consumer = new_consumer(connection, auto_offset_reset="earliest", max_partition_fetch_bytes=FETCH_BYTES)
        try:
            await consumer.start()
            ends = await consumer.end_offsets(partitions)
            places = {tp: Place(committed[tp.topic][tp.partition], ends.get(tp)) for tp in partitions}
            oldest = await _oldest(consumer, places)
        finally:
            await consumer.stop()
    return {(tp.topic, tp.partition): Place(place.committed, place.end, oldest.get(tp)) for tp, place in places.items()}


async def _oldest(consumer: AIOKafkaConsumer, places: Mapping[TopicPartition, Place]) -> dict[TopicPartition, datetime]:
    """When the first record behind the commit was written, of those partitions that have one."""
    behind = {tp: place.committed or 0 for tp, place in places.items() if (place.end or 0) > (place.committed or 0)}
    wanted = dict(list(behind.items())[:MOST_OLDEST])
    if not wanted:
        return {}
    consumer.assign(list(wanted))
    for tp, offset in wanted.items():
        consumer.seek(tp, offset)
    found: dict[TopicPartition, datetime] = {}
    for _ in range(4):
        fetched = await consumer.getmany(*(set(wanted) - found.keys()), timeout_ms=FETCH_MILLISECONDS)
        found |= {tp: of_milliseconds(records[0].timestamp) for tp, records in fetched.items() if records}
        if found.keys() == wanted.keys():
            break
    return found
