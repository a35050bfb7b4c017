"""What was fetched is delivered, or is read again: nothing that Faust would throw away is passed over."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, cast

import faust
import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.errors import TopicAuthorizationFailedError
from faust.transport.conductor import Conductor
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types import TP
from mode import Service

from demo.servers.kafka import EmbeddedKafka
from saving_alerts.delivery.consumer import BatchConsumer, BatchTransport
from saving_alerts.delivery.consumer_thread import (
    FETCH_WAIT_MILLISECONDS,
    FOLLOWED_RECORDS,
    PACE_SECONDS,
    ConsumerThread,
    Fetched,
    as_changes,
    seek_back,
)
from saving_alerts.kafka.paced_fetches import PacedFetcher
from saving_alerts.kafka.refused import RefusedBytes, refused_record
from saving_alerts.kafka.unpacking import Polled

pytestmark = pytest.mark.asyncio

FIRST, SECOND = TP("events", 0), TP("events", 1)
CHANGELOG = TP("push-sends", 0)
BEGAN, ENDED = 10, 13
POLL_MAX_RECORDS = 10_000
SIZE_BYTES = 700


class FakeDriver:
    """aiokafka's consumer, as far as positions are concerned: they are its own."""

    def __init__(self) -> None:
        self._subscription = SubscriptionState()
        self._subscription.subscribe({"events"})
        self.assign_anew()

    def assign_anew(self) -> None:
        self._subscription.assign_from_subscribed({TopicPartition(*FIRST), TopicPartition(*SECOND)})
        for tp in (FIRST, SECOND):
            self.seek(TopicPartition(*tp), BEGAN)

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self._subscription.seek(tp, offset)

    def position(self, tp: TP) -> int:
        subscription = self._subscription.subscription
        assert subscription is not None
        assert subscription.assignment is not None
        return int(subscription.assignment.state_value(TopicPartition(*tp)).position)

    def fetch(self, *tps: TP) -> Fetched:
        """The records from where each partition stands to ENDED."""
        some = [tp for tp in tps if self.position(tp) < ENDED]
        records = {tp: _polled([_record(tp, offset) for offset in range(self.position(tp), ENDED)]) for tp in some}
        for tp in tps:
            self.seek(TopicPartition(*tp), ENDED)
        return Fetched(records, cast("Any", self))


def _record(tp: TP, offset: int) -> ConsumerRecord:
    return ConsumerRecord(tp.topic, tp.partition, offset, 0, 0, None, b"", None, 0, 0, ())


def _polled(records: list[ConsumerRecord]) -> Polled:
    polled = Polled(records)
    polled.size_bytes = SIZE_BYTES
    return polled


class FakeThread(Service):
    """The consumer's thread, without being one. `meanwhile` happens while it fetches next."""

    def __init__(self, driver: FakeDriver) -> None:
        super().__init__()
        self._consumer = driver
        self.meanwhile: Callable[[], object] = lambda: None
        self.rejoins = 0
        self.commits = True
        self.committed: list[dict[TP, tuple[int, str]]] = []

    async def getmany(self, active_partitions: set[TP], timeout: float) -> Fetched:
        wanted = frozenset(active_partitions)
        fetched = self._consumer.fetch(*wanted)
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        return fetched

    async def call_thread(self, call: Callable[..., Awaitable[object]], *arguments: object) -> object:
        return await call(*arguments)

    async def request_rejoin(self) -> None:
        self.rejoins += 1

    async def commit_with_memos(self, noted: Mapping[TP, tuple[int, str]]) -> bool:
        self.committed.append(dict(noted))
        return self.commits

    async def seek_to_committed(self) -> dict[TP, int]:
        return {}

    async def seek_back(self, fetched: Fetched, undeliverable: frozenset[TP]) -> None:
        seek_back(cast("Any", self._consumer), fetched, undeliverable)


class ThreadlessConsumer(BatchConsumer):
    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return cast("AIOKafkaConsumerThread", FakeThread(FakeDriver()))


class ThreadlessTransport(BatchTransport):
    Consumer = ThreadlessConsumer


class NoBrokerApp(faust.App):
    """`forgotten` are the partitions of which the detector was to forget what it knows.

    `enough`: of which partitions whoever takes it has enough with what was handed on.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - Faust's signature
        super().__init__(*arguments, **options)
        self.forgotten: list[tuple[str, int]] = []
        self.detector = SimpleNamespace(forget=self.forgotten.append)
        self.expected: list[tuple[tuple[str, int], int, int]] = []
        self.enough: Collection[tuple[str, int]] = ()

    def expect(self, partition: tuple[str, int], records: int, size_bytes: int) -> None:
        self.expected.append((partition, records, size_bytes))
        if partition in self.enough:
            self.consumer.on_buffer_full(TP(*partition))

    def _new_transport(self) -> BatchTransport:
        return ThreadlessTransport(self.conf.broker_consumer, self)


def new_consumer() -> BatchConsumer:
    app = NoBrokerApp("fetches", broker="kafka://127.0.0.1:1")
    consumer = cast("BatchConsumer", app.consumer)
    consumer._set_active_tps({FIRST, SECOND})
    return consumer


def thread_of(consumer: BatchConsumer) -> FakeThread:
    return cast("FakeThread", consumer._thread)


def driver_of(consumer: BatchConsumer) -> FakeDriver:
    return thread_of(consumer)._consumer


async def delivered(consumer: BatchConsumer) -> dict[TP, list[int]]:
    """The offsets that Faust gets to see of one fetch."""
    records, _ = await consumer._wait_next_records(1.0)
    return {tp: [record.offset for record in of_tp] for tp, of_tp in cast("Mapping[TP, Any]", records or {}).items()}


async def test_what_faust_will_take_is_delivered() -> None:
    assert await delivered(new_consumer()) == {FIRST: [10, 11, 12], SECOND: [10, 11, 12]}


async def test_a_partition_that_was_paused_while_it_was_fetched_is_read_again() -> None:
    consumer = new_consumer()
    thread_of(consumer).meanwhile = lambda: consumer.pause_partitions({FIRST})

    first = await delivered(consumer)
    consumer.resume_partitions({FIRST})

    assert first == {SECOND: [10, 11, 12]}
    assert await delivered(consumer) == {FIRST: [10, 11, 12]}


async def test_a_partition_whose_window_filled_meanwhile_is_delivered() -> None:
    consumer = new_consumer()
    thread_of(consumer).meanwhile = lambda: consumer.on_buffer_full(FIRST)

    assert await delivered(consumer) == {FIRST: [10, 11, 12], SECOND: [10, 11, 12]}


async def test_no_more_is_fetched_of_a_partition_that_is_full_with_what_was_handed_on() -> None:
    """The agent runs when the loop gets to it, and the next fetch may come before that."""
    consumer = new_consumer()
    app = cast("NoBrokerApp", consumer.app)
    app.enough = {FIRST}

    assert await delivered(consumer) == {FIRST: [10, 11, 12], SECOND: [10, 11, 12]}
    assert sorted(app.expected) == [(FIRST, 3, SIZE_BYTES), (SECOND, 3, SIZE_BYTES)]
    assert consumer._get_active_partitions() == {SECOND}


async def test_what_is_read_again_is_not_handed_on() -> None:
    consumer = new_consumer()
    thread_of(consumer).meanwhile = lambda: consumer.pause_partitions({FIRST})
    await delivered(consumer)

    assert cast("NoBrokerApp", consumer.app).expected == [(SECOND, 3, SIZE_BYTES)]


async def test_what_comes_while_the_flow_stands_still_is_read_again() -> None:
    consumer = new_consumer()
    thread_of(consumer).meanwhile = consumer.stop_flow

    assert await delivered(consumer) == {}
    assert (driver_of(consumer).position(FIRST), driver_of(consumer).position(SECOND)) == (BEGAN, BEGAN)


async def test_what_comes_after_a_new_assignment_is_not_delivered() -> None:
    consumer = new_consumer()
    thread_of(consumer).meanwhile = driver_of(consumer).assign_anew

    assert await delivered(consumer) == {}
    assert driver_of(consumer).position(FIRST) == BEGAN


async def test_a_stream_is_fed_only_when_faust_has_resumed_for_the_last_time() -> None:
    """Whenever it resumes it empties the queues of the agents, and it seeks before it resumes for the last time."""
    consumer = new_consumer()
    cast("Conductor", consumer.app.topics)._acking_topics.add("events")
    consumer.resume_flow()
    before_the_seek = await delivered(consumer)
    await consumer.perform_seek()
    before_the_last_time = await delivered(consumer)
    consumer.resume_flow()

    assert (before_the_seek, before_the_last_time) == ({}, {})
    assert await delivered(consumer) == {FIRST: [10, 11, 12], SECOND: [10, 11, 12]}


async def test_faust_is_not_made_to_seek_while_its_flow_stands_still() -> None:
    consumer = new_consumer()
    thread_of(consumer).meanwhile = consumer.stop_flow

    records, _ = await consumer._wait_next_records(1.0)

    assert records is None


async def test_a_partition_that_somebody_moved_meanwhile_stays_where_it_was_moved_to() -> None:
    driver = FakeDriver()
    fetched = driver.fetch(FIRST)
    driver.seek(TopicPartition(*FIRST), 3)

    seek_back(cast("Any", driver), fetched, {FIRST})

    assert driver.position(FIRST) == 3


async def test_records_of_an_assignment_that_has_ended_move_nothing() -> None:
    driver = FakeDriver()
    fetched = driver.fetch(FIRST)
    driver.assign_anew()
    driver.seek(TopicPartition(*FIRST), ENDED)

    seek_back(cast("Any", driver), fetched, {FIRST})

    assert driver.position(FIRST) == ENDED


# A topic that was deleted and made again.


def reading_from(read_to: int) -> BatchConsumer:
    """A consumer that was assigned its partitions with `read_to` committed; the first one begins at BEGAN since."""
    consumer = new_consumer()
    cast("Conductor", consumer.app.topics)._acking_topics.add("events")
    consumer._feeds_streams = True
    consumer._read_offset[FIRST] = consumer._committed_offset[FIRST] = read_to
    consumer.memo_commits._highest[FIRST] = read_to
    return consumer


async def test_a_partition_that_was_made_again_is_read_and_committed_from_its_beginning() -> None:
    consumer = reading_from(1_000)

    assert await delivered(consumer) == {FIRST: [10, 11, 12], SECOND: [10, 11, 12]}
    assert thread_of(consumer).committed == [{FIRST: (BEGAN, "")}]
    assert consumer._read_offset[FIRST] is None
    assert consumer._should_commit(FIRST, ENDED)
    assert FIRST not in consumer.memo_commits._highest
    assert cast("NoBrokerApp", consumer.app).forgotten == [("events", 0)]


async def test_it_is_not_read_before_that_is_committed() -> None:
    consumer = reading_from(1_000)
    thread_of(consumer).commits = False

    assert await delivered(consumer) == {SECOND: [10, 11, 12]}
    assert driver_of(consumer).position(FIRST) == BEGAN
    assert consumer._read_offset[FIRST] == 1_000


async def test_while_batches_of_the_former_topic_may_be_in_work_it_waits_for_a_new_assignment() -> None:
    consumer = reading_from(BEGAN)
    await delivered(consumer)
    consumer._read_offset[FIRST] = 1_000
    driver_of(consumer).seek(TopicPartition(*FIRST), BEGAN)

    assert await delivered(consumer) == {}
    assert (thread_of(consumer).rejoins, thread_of(consumer).committed) == (1, [])
    assert driver_of(consumer).position(FIRST) == BEGAN


@pytest.mark.parametrize("read_to", [None, 0, BEGAN - 1, BEGAN])
async def test_a_partition_that_goes_on_is_not_taken_for_one_that_was_made_again(read_to: int | None) -> None:
    consumer = reading_from(BEGAN)
    consumer._read_offset[FIRST] = read_to

    assert await delivered(consumer) == {FIRST: [10, 11, 12], SECOND: [10, 11, 12]}
    assert (thread_of(consumer).rejoins, thread_of(consumer).committed) == (0, [])


class FakeFetcher:
    """So many records wait of each partition, in this order; `coming` are those that come to whoever waits for more.

    `waits` are the times it was told to wait.
    """

    _closed = False
    wanted: Collection[TP] = ()

    def __init__(self, waiting: dict[TP, int], refused: str | None = None) -> None:
        self._waiting = waiting
        self._refused = refused
        self._subscriptions = SimpleNamespace(fetch_context=nullcontext)
        self.coming: dict[TP, int] = {}
        self.waits: list[float] = []

    async def fetched_records(
        self,
        partitions: set[TP],
        timeout: float,
        max_records: int,
    ) -> dict[TP, list[ConsumerRecord]]:
        drained: dict[TP, list[ConsumerRecord]] = {}
        if timeout:
            self._waiting, self.coming = {**self._waiting, **self.coming}, {}
        for tp in [tp for tp in self._waiting if tp in partitions]:
            taken = min(self._waiting[tp], max_records - sum(map(len, drained.values())))
            if taken:
                drained[tp] = [_record(tp, offset) for offset in range(taken)]
                self._waiting[tp] -= taken
        if not drained and self._refused in {tp.topic for tp in partitions}:
            raise TopicAuthorizationFailedError(self._refused)
        if not drained:
            self.waits.append(timeout)
        return drained


async def fetched(fetcher: FakeFetcher, *partitions: TP, most: int = POLL_MAX_RECORDS) -> dict[TP, int]:
    """How many records of which partitions a worker fetches, for which only `events` are a stream."""
    consumer = new_consumer()
    cast("Conductor", consumer.app.topics)._acking_topics.add("events")
    driver = cast("Any", SimpleNamespace(_closed=False, _fetcher=fetcher, _subscription=SubscriptionState()))
    records = await ConsumerThread(cast("Any", consumer))._fetch_records(driver, set(partitions), 1.0, most)
    return {tp: len(of_tp) for tp, of_tp in records.items()}


async def test_a_standby_that_has_much_to_read_does_not_hold_up_the_streams() -> None:
    fetcher = FakeFetcher({CHANGELOG: 50_000, FIRST: 3})

    assert await fetched(fetcher, CHANGELOG, FIRST) == {FIRST: 3, CHANGELOG: FOLLOWED_RECORDS}
    assert await fetched(fetcher, CHANGELOG, FIRST) == {CHANGELOG: FOLLOWED_RECORDS}


@pytest.mark.parametrize("most", [1, 5, FOLLOWED_RECORDS + 1])
async def test_no_more_of_a_stream_is_fetched_than_may_be_however_it_comes(most: int) -> None:
    """What comes while a fetch waits is bounded as what is there: else a stage takes more than it has room for."""
    fetcher = FakeFetcher({})
    fetcher.coming = {FIRST: 50_000, SECOND: 50_000}

    came = await fetched(fetcher, CHANGELOG, FIRST, SECOND, most=most)
    there = await fetched(fetcher, CHANGELOG, FIRST, SECOND, most=most)

    assert 0 < sum(came.values()) <= most
    assert sum(there.values()) == most


async def test_a_recovery_fetches_as_much_as_a_stream_because_none_is_read_beside_it() -> None:
    assert await fetched(FakeFetcher({CHANGELOG: 50_000, FIRST: 3}), CHANGELOG) == {CHANGELOG: POLL_MAX_RECORDS}


async def test_streams_alone_are_fetched_as_far_as_they_may_be() -> None:
    assert await fetched(FakeFetcher({FIRST: 7_000, SECOND: 3}), FIRST, SECOND) == {FIRST: 7_000, SECOND: 3}


async def test_what_was_refused_on_a_changelog_changes_nothing_and_moves_recovery_to_its_end() -> None:
    change, refused = (
        _record(CHANGELOG, 7),
        refused_record(TopicPartition(*CHANGELOG), 8, RefusedBytes(b"x", "why", 10)),
    )

    assert [(each.offset, each.key, each.value) for each in as_changes([change, refused])] == [
        (7, None, b""),
        (10, b"", None),
    ]


async def test_where_nothing_is_there_it_waits_for_whatever_comes_first() -> None:
    fetcher = FakeFetcher({})

    assert await fetched(fetcher, CHANGELOG, FIRST) == {}
    assert fetcher.waits == [0, 0, 1.0]


async def test_what_was_fetched_beside_something_that_may_not_be_read_is_not_lost() -> None:
    fetcher = FakeFetcher({FIRST: 3}, refused=CHANGELOG.topic)

    assert await fetched(fetcher, FIRST, CHANGELOG) == {FIRST: 3}


async def test_a_worker_that_may_not_read_goes_on() -> None:
    assert await fetched(FakeFetcher({}, refused=FIRST.topic), FIRST) == {}


async def test_what_faust_takes_now_is_what_the_fetcher_may_wait_for() -> None:
    fetcher = FakeFetcher({FIRST: 3})
    partitions = {FIRST, CHANGELOG}
    await fetched(fetcher, *partitions)

    assert fetcher.wanted == partitions


async def test_the_fetches_of_a_worker_read_what_is_committed_and_are_neither_held_long_nor_made_too_often() -> None:
    """Faust fixes the first two otherwise; the fetcher takes them from the driver's consumer when that starts."""
    with EmbeddedKafka() as kafka:
        app = faust.App("fetches", broker=f"kafka://{kafka.bootstrap_servers}")
        thread = ConsumerThread(cast("Any", app.consumer))
        thread.thread_loop = asyncio.get_running_loop()
        await thread.on_start()
        driver = thread._ensure_consumer()
        fetcher = driver._fetcher
        await driver.stop()

    assert isinstance(fetcher, PacedFetcher)
    assert fetcher._fetch_max_wait_ms == FETCH_WAIT_MILLISECONDS
    assert fetcher._isolation_level == READ_COMMITTED
    assert fetcher.pace_seconds == PACE_SECONDS


async def test_a_message_that_can_be_handed_on_at_once_waits_for_no_task() -> None:
    handed_on, suspended = [], asyncio.Event()

    async def hand_on() -> str:
        handed_on.append("a message")
        return "handed on"

    waited = new_consumer().wait_first(hand_on(), suspended.wait())

    with pytest.raises(StopIteration) as ended:
        waited.send(None)
    assert handed_on == ["a message"]
    assert (ended.value.value.results, ended.value.value.stopped) == (["handed on"], False)


async def test_a_message_that_has_to_wait_is_given_up_when_the_flow_is_suspended() -> None:
    room, suspended, ended = asyncio.Event(), asyncio.Event(), []

    async def hand_on() -> None:
        try:
            await room.wait()
        finally:
            ended.append("given up")

    waiting = asyncio.create_task(new_consumer().wait_first(hand_on(), suspended.wait()))
    await asyncio.sleep(0)
    suspended.set()
    await asyncio.wait_for(waiting, 5)
    await asyncio.sleep(0)

    assert ended == ["given up"]


async def test_a_message_that_has_to_wait_is_handed_on_when_there_is_room() -> None:
    room, handed_on = asyncio.Event(), []

    async def hand_on() -> None:
        await room.wait()
        handed_on.append("a message")

    waiting = asyncio.create_task(new_consumer().wait_first(hand_on(), asyncio.Event().wait()))
    await asyncio.sleep(0)
    room.set()
    await asyncio.wait_for(waiting, 5)

    assert handed_on == ["a message"]


async def test_what_cannot_be_handed_on_says_so() -> None:
    async def hand_on() -> None:
        raise ValueError("no agent")

    with pytest.raises(ValueError, match="no agent"):
        await new_consumer().wait_first(hand_on(), asyncio.Event().wait())


async def test_a_consumer_that_stops_says_so_although_the_message_was_handed_on() -> None:
    async def hand_on() -> None: ...

    consumer = new_consumer()
    consumer._stopped.set()

    assert (await consumer.wait_first(hand_on())).stopped


class OneLoopThread(ConsumerThread):
    """In the loop of whoever asks. `fetch` is what its fetches are."""

    def __init__(self, consumer: BatchConsumer, fetch: Callable[[], Awaitable[Fetched]]) -> None:
        super().__init__(cast("Any", consumer))
        self.thread_loop = self.parent_loop = asyncio.get_running_loop()
        self._consumer = cast("Any", SimpleNamespace(_max_poll_records=POLL_MAX_RECORDS))
        self.fetch = fetch
        self.asked: list[tuple[set[TP], float | None, int | None]] = []

    async def _fetch_records(
        self, consumer: object, active_partitions: set[TP], timeout: float | None = None, max_records: int | None = None
    ) -> Fetched:
        self.asked.append((active_partitions, timeout, max_records))
        return await self.fetch()


async def test_a_fetch_is_begun_without_a_queue_and_its_records_come_back() -> None:
    records = FakeDriver().fetch(FIRST)

    async def fetch() -> Fetched:
        return records

    thread = OneLoopThread(new_consumer(), fetch)

    assert await thread.getmany({FIRST}, 1.0) is records
    assert thread.asked == [({FIRST}, 1.0, POLL_MAX_RECORDS)]


async def test_a_fetch_is_of_what_was_wanted_when_it_began_whatever_is_wanted_meanwhile() -> None:
    """Faust changes its set in its own thread while the other one goes through it."""
    records, wanted = FakeDriver().fetch(FIRST), {FIRST, SECOND}

    async def fetch() -> Fetched:
        wanted.clear()
        return records

    thread = OneLoopThread(new_consumer(), fetch)
    await thread.getmany(wanted, 1.0)

    assert [partitions for partitions, *_ in thread.asked] == [{FIRST, SECOND}]


async def test_what_a_fetch_fails_of_is_told_to_whoever_waits_for_it() -> None:
    async def fetch() -> Fetched:
        raise ValueError("no broker")

    with pytest.raises(ValueError, match="no broker"):
        await OneLoopThread(new_consumer(), fetch).getmany({FIRST}, 1.0)


async def test_a_thread_that_stops_lets_nobody_wait_for_its_fetch() -> None:
    begun = asyncio.Event()

    async def fetch() -> Fetched:
        begun.set()
        await asyncio.get_running_loop().create_future()
        raise AssertionError("it never comes")

    thread = OneLoopThread(new_consumer(), fetch)
    waiting = asyncio.create_task(thread.getmany({FIRST}, 1.0))
    await begun.wait()
    thread._consumer = None
    await thread.on_thread_stop()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(waiting, 5)


async def test_a_fetch_for_which_nobody_waits_any_more_is_not_begun() -> None:
    async def fetch() -> Fetched:
        raise AssertionError("nobody waits for it")

    thread = OneLoopThread(new_consumer(), fetch)
    waiting = asyncio.create_task(thread.getmany({FIRST}, 1.0))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    await asyncio.sleep(0)

    assert thread.asked == []
