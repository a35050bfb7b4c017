"""The thread that fetches and commits, and seeks back to where a fetch began when Faust would drop it.

Faust fetches here and decides in its own thread, afterwards, what it wants of it. The driver knows nothing of that: it
has moved on behind what is thrown away.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import partial
from time import monotonic
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.consumer.subscription_state import Assignment, TopicPartitionState
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from saving_alerts.kafka import fetch_protocol, paced_fetches
from saving_alerts.kafka.bounded_waiting import bound_waiting_in_aiokafka
from saving_alerts.kafka.refusals import UNAUTHORIZED, in_words
from saving_alerts.kafka.refused import RefusedBytes
from saving_alerts.kafka.unpacking import unpack_for_aiokafka

log = logging.getLogger(__name__)

# How long a broker may hold a fetch that finds nothing. What the worker asks of it next waits behind that: where the
# partitions of a new assignment begin, and the first fetch of them. Faust's 1.5 s are paid twice in a rebalance.
FETCH_WAIT_MILLISECONDS = 200

# How many records of changelogs one fetch may bring. What a fetch has brought is worked off before the next one, so a
# standby that has much to read, because a partition is new to it, would else hold up the streams. Where no stream is
# read, in a recovery, as many may come as of a stream.
FOLLOWED_RECORDS = 500

# The least time from one fetch with records to the next at a broker.
PACE_SECONDS = 0.01

unpack_for_aiokafka()
bound_waiting_in_aiokafka()
fetch_protocol.use_for_aiokafka()
paced_fetches.use_for_aiokafka()


class Fetched(dict[TP, list[Any]]):
    """What one fetch brought, the assignment it was made under, and where it left each partition's position."""

    def __init__(self, records: Mapping[TP, list[Any]], consumer: AIOKafkaConsumer) -> None:
        super().__init__(records)
        self.assignment = assignment_of(consumer)
        self.left_at = {tp: state.position for tp in records if (state := state_of(consumer, tp))}


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Reads with `read_committed`, which Faust does not, and commits a text beside each offset."""

    _fetch: asyncio.Task[Fetched] | None = None

    async def on_start(self) -> None:
        await super().on_start()
        self._ensure_consumer()._fetcher.pace_seconds = PACE_SECONDS  # noqa: SLF001 - made by the driver at its start

    async def getmany(self, active_partitions: set[TP] | None, timeout: float) -> Fetched:
        """As Faust, but begun at once: its queue of calls, and who works on it, cost as much as a fetch."""
        consumer = self._ensure_consumer()
        most = consumer._max_poll_records  # noqa: SLF001
        answer = self.parent_loop.create_future()
        wanted = set(active_partitions or ())  # a copy: Faust goes on to change its own, in its own thread
        fetch = partial(self._fetch_records, consumer, wanted, timeout, most)
        self.thread_loop.call_soon_threadsafe(self._begin, fetch, answer)
        fetched: Fetched = await answer
        return fetched

    def _begin(self, fetch: Callable[[], Coroutine[Any, Any, Fetched]], answer: asyncio.Future[Fetched]) -> None:
        if not answer.cancelled():
            self._fetch = asyncio.create_task(fetch())
            self._fetch.add_done_callback(partial(self._tell, answer))

    def _tell(self, answer: asyncio.Future[Fetched], fetch: asyncio.Task[Fetched]) -> None:
        self.parent_loop.call_soon_threadsafe(settle, answer, fetch)

    async def on_thread_stop(self) -> None:
        if self._fetch is not None:
            self._fetch.cancel()
        await super().on_thread_stop()

    async def _fetch_records(
        self,
        consumer: AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,
        max_records: int | None = None,
    ) -> Fetched:
        """At most so many records of streams, and no more of changelogs than may hold up those."""
        fetch_all = partial(self._fetch_allowed, consumer)
        is_stream = self.app.topics.acks_enabled_for
        streams = {tp for tp in active_partitions if is_stream(tp.topic)}
        followed = active_partitions - streams
        consumer._fetcher.wanted = active_partitions  # noqa: SLF001

        async def fetch(partitions: set[TP], timeout: float | None, max_records: int | None) -> Mapping[TP, list[Any]]:
            fetched = await fetch_all(partitions, timeout, max_records)
            return {tp: as_changes(records) if tp in followed else records for tp, records in fetched.items()}

        if not followed:
            return Fetched(await fetch(streams, timeout, max_records), consumer)
        at_once = await fetch(streams, 0, max_records) if streams else {}
        at_once = {**at_once, **await fetch(followed, 0, FOLLOWED_RECORDS if streams else max_records)}
        first = min(FOLLOWED_RECORDS, max_records or FOLLOWED_RECORDS) if streams else max_records
        return Fetched(at_once or await fetch(active_partitions, timeout, first), consumer)

    async def _fetch_allowed(
        self, consumer: AIOKafkaConsumer, partitions: set[TP], timeout: float | None, max_records: int | None
    ) -> Mapping[TP, list[Any]]:
        """As Faust. Nothing where our user may not read, as with an outage: in Faust that would end the worker."""
        try:
            records: Mapping[TP, list[Any]] = await super()._fetch_records(consumer, partitions, timeout, max_records)
        except UNAUTHORIZED as error:
            log.warning("nothing can be fetched: %s", in_words(error))
            await asyncio.sleep(FETCH_WAIT_MILLISECONDS / 1000)
            return {}
        return records

    async def seek_back(self, fetched: Fetched, undeliverable: Iterable[TP]) -> None:
        """Read these partitions again from where the fetch began, unless somebody has moved them meanwhile."""
        seek_back(self._ensure_consumer(), fetched, undeliverable)

    async def request_rejoin(self) -> None:
        """Let the group assign its partitions anew."""
        self._ensure_consumer()._coordinator.request_rejoin()  # noqa: SLF001 - the driver has no public way

    async def commit_with_memos(self, noted: Mapping[TP, tuple[int, str]]) -> bool:
        """Whether Kafka has it. What is not committed is redelivered, so no error here may end the worker."""
        assigned = self.assignment()
        offsets = {
            driver.ensure_aiokafka_TP(tp): OffsetAndMetadata(offset, text)
            for tp, (offset, text) in noted.items()
            if tp in assigned
        }
        if not offsets:
            return False
        try:
            await self._ensure_consumer().commit(offsets)
        except KafkaError as error:
            log.warning("a commit failed, what it covers may be redelivered: %r", error)
            return False
        self.tp_last_committed_at.update(dict.fromkeys(noted, monotonic()))
        return True

    def _create_worker_consumer(self, transport: Any) -> Any:  # noqa: ANN401 - Faust's signature
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"  # noqa: SLF001 - the fetcher takes both from here at its start
        consumer._fetch_max_wait_ms = FETCH_WAIT_MILLISECONDS  # noqa: SLF001
        return consumer


def settle(answer: asyncio.Future[Fetched], fetch: asyncio.Task[Fetched]) -> None:
    """Say what became of the fetch, in the loop of whoever waits for it."""
    if answer.done():
        return
    if fetch.cancelled():
        answer.cancel()
    elif (error := fetch.exception()) is not None:
        answer.set_exception(error)
    else:
        answer.set_result(fetch.result())


def as_changes(records: list[ConsumerRecord]) -> list[ConsumerRecord]:
    """Of a changelog. Refused bytes change no key there, and stand at their last offset: recovery waits for it."""
    return [
        ConsumerRecord(
            record.topic, record.partition, record.value.last_offset, record.timestamp, 0, b"", None, None, 0, -1, ()
        )
        if isinstance(record.value, RefusedBytes)
        else record
        for record in records
    ]


def seek_back(consumer: AIOKafkaConsumer, fetched: Fetched, undeliverable: Iterable[TP]) -> None:
    """As `ConsumerThread.seek_back`. To be called in the consumer's thread: there nothing comes between."""
    if assignment_of(consumer) is not fetched.assignment:
        return
    for tp in undeliverable:
        state = state_of(consumer, tp)
        if state is not None and state.position == fetched.left_at.get(tp):
            consumer.seek(driver.ensure_aiokafka_TP(tp), fetched[tp][0].offset)


def assignment_of(consumer: AIOKafkaConsumer) -> Assignment | None:
    subscription = consumer._subscription.subscription  # noqa: SLF001
    return subscription.assignment if subscription else None


def state_of(consumer: AIOKafkaConsumer, tp: TP) -> TopicPartitionState | None:
    """What the driver knows of a partition; None while it does not know where to read."""
    assignment = assignment_of(consumer)
    aiokafka_tp = driver.ensure_aiokafka_TP(tp)
    if assignment is None or aiokafka_tp not in assignment.tps:
        return None
    state = assignment.state_value(aiokafka_tp)
    return state if state.has_valid_position else None
