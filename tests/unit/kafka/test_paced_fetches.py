"""When more is asked for: aiokafka's own fetcher and state of partitions, a broker that answers when it is told to."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import consumer
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.protocol.fetch import FetchResponse_v11

from saving_alerts.kafka import paced_fetches
from saving_alerts.kafka.paced_fetches import PacedFetcher
from saving_alerts.kafka.unpacking import unpack_for_aiokafka
from tests.support.batch_bytes import batch
from tests.support.simulated_time import run_simulated

WANTED, UNWANTED = TopicPartition("events", 0), TopicPartition("changelog", 0)
BROKER = 1
# Far less than aiokafka's 0.1 s for records that nobody takes, and its 0.2 s until it looks again by itself.
AT_ONCE_SECONDS = 0.01
PACE_SECONDS = 0.5

unpack_for_aiokafka()


class Broker:
    """As aiokafka's client, of one broker: each fetch waits until it is answered."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._metadata_max_age_ms = 300_000
        self.cluster = SimpleNamespace(leader_for_partition=lambda _: BROKER)
        self.fetches: list[tuple[float, set[TopicPartition]]] = []
        self._asked: asyncio.Queue[asyncio.Future[Any]] = asyncio.Queue()

    async def send(self, _node: int, request: Any) -> FetchResponse_v11:  # noqa: ANN401 - aiokafka's
        named = {TopicPartition(topic, number) for topic, each in request.topics for number, *_ in each}
        self.fetches.append((self._loop.time(), named))
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._asked.put_nowait(answer)
        return await answer

    async def asked(self) -> "asyncio.Future[Any]":
        """The answer that the next fetch waits for."""
        async with asyncio.timeout(10):
            return await self._asked.get()


def found(*records: tuple[TopicPartition, int, int]) -> FetchResponse_v11:
    """An answer with so many records of these partitions, from this offset on."""
    topics = [
        (tp.topic, [(tp.partition, 0, 100, 100, 0, None, -1, batch([b"x"] * count, base=base))])
        for tp, base, count in records
    ]
    return FetchResponse_v11(0, 0, 0, topics)


def fetching(
    case: Callable[[PacedFetcher, Broker], Awaitable[None]],
    partitions: Collection[TopicPartition],
    **options: float,
) -> None:
    """Run a case with a fetcher that begins to fetch these."""

    async def run() -> None:
        subscriptions, broker = SubscriptionState(), Broker()
        subscriptions.assign_from_user(set(partitions))
        for tp in partitions:
            subscriptions.seek(tp, 0)
        fetcher = PacedFetcher(cast("Any", broker), subscriptions, **options)
        try:
            await case(fetcher, broker)
        finally:
            await fetcher.close()

    run_simulated(run())


def test_records_that_nobody_wants_hold_up_no_other_fetch() -> None:
    async def case(fetcher: PacedFetcher, broker: Broker) -> None:
        fetcher.wanted = {WANTED}
        (await broker.asked()).set_result(found((WANTED, 0, 1), (UNWANTED, 0, 1)))
        taken = await fetcher.fetched_records([WANTED], timeout=1)
        assert len(taken[WANTED]) == 1
        await broker.asked()
        assert broker.fetches[1][0] - broker.fetches[0][0] < AT_ONCE_SECONDS
        assert broker.fetches[1][1] == {WANTED}

    fetching(case, [WANTED, UNWANTED])


def test_what_was_not_wanted_is_there_when_it_is() -> None:
    async def case(fetcher: PacedFetcher, broker: Broker) -> None:
        fetcher.wanted = {WANTED}
        (await broker.asked()).set_result(found((WANTED, 0, 1), (UNWANTED, 0, 2)))
        await fetcher.fetched_records([WANTED], timeout=1)
        fetcher.wanted = {WANTED, UNWANTED}
        taken = await fetcher.fetched_records([WANTED, UNWANTED], timeout=1)
        assert [record.offset for record in taken[UNWANTED]] == [0, 1]
        (await broker.asked()).set_result(found((WANTED, 1, 1)))
        await fetcher.fetched_records([WANTED, UNWANTED], timeout=1)
        await broker.asked()
        assert broker.fetches[-1][1] == {WANTED, UNWANTED}

    fetching(case, [WANTED, UNWANTED])


@pytest.mark.parametrize("turns", range(5))
def test_records_taken_when_a_fetch_ends_hide_no_end_of_it(turns: int) -> None:
    """The answer comes so many turns of the loop after they are taken: in one of them aiokafka misses it."""

    async def case(fetcher: PacedFetcher, broker: Broker) -> None:
        (await broker.asked()).set_result(found((WANTED, 0, 2)))
        first = await fetcher.fetched_records([WANTED], timeout=1, max_records=1)
        assert len(first[WANTED]) == 1
        under_way = await broker.asked()  # for the other partition alone: of this one there is more
        began = asyncio.get_running_loop().time()
        answer_after(turns, under_way)
        await fetcher.fetched_records([WANTED], timeout=1)
        await broker.asked()
        assert broker.fetches[-1][0] - began < AT_ONCE_SECONDS

    fetching(case, [WANTED, UNWANTED], prefetch_backoff=0)


def answer_after(turns: int, fetch: "asyncio.Future[Any]") -> None:
    if turns == 0:
        fetch.set_result(found())
    else:
        asyncio.get_running_loop().call_soon(answer_after, turns - 1, fetch)


def test_a_broker_is_left_alone_for_the_pace_and_its_records_are_there_at_once() -> None:
    async def case(fetcher: PacedFetcher, broker: Broker) -> None:
        fetcher.pace_seconds = PACE_SECONDS
        waiting = asyncio.create_task(fetcher.fetched_records([WANTED], timeout=1))
        (await broker.asked()).set_result(found((WANTED, 0, 1)))
        answered = asyncio.get_running_loop().time()
        assert len((await waiting)[WANTED]) == 1
        assert asyncio.get_running_loop().time() - answered < AT_ONCE_SECONDS
        await broker.asked()
        assert broker.fetches[1][0] - answered == pytest.approx(PACE_SECONDS)

    fetching(case, [WANTED])


def test_nothing_waits_where_events_are_further_apart_than_the_pace() -> None:
    async def case(fetcher: PacedFetcher, broker: Broker) -> None:
        fetcher.pace_seconds = PACE_SECONDS
        waiting = asyncio.create_task(fetcher.fetched_records([WANTED], timeout=10))
        first = await broker.asked()
        await asyncio.sleep(PACE_SECONDS)
        answered = asyncio.get_running_loop().time()
        first.set_result(found((WANTED, 0, 1)))
        await waiting
        await broker.asked()
        assert broker.fetches[1][0] - answered < AT_ONCE_SECONDS

    fetching(case, [WANTED])


def test_an_answer_without_records_is_followed_by_a_fetch_at_once() -> None:
    async def case(fetcher: PacedFetcher, broker: Broker) -> None:
        fetcher.pace_seconds = PACE_SECONDS
        (await broker.asked()).set_result(found())
        await broker.asked()
        assert broker.fetches[1][0] - broker.fetches[0][0] < AT_ONCE_SECONDS

    fetching(case, [WANTED])


def test_an_assignment_that_ends_waits_for_no_pace() -> None:
    async def case(fetcher: PacedFetcher, broker: Broker) -> None:
        fetcher.pace_seconds = PACE_SECONDS
        (await broker.asked()).set_result(found((WANTED, 0, 1)))
        await fetcher.fetched_records([WANTED], timeout=1)
        began = asyncio.get_running_loop().time()
        await fetcher.close()
        assert asyncio.get_running_loop().time() - began < AT_ONCE_SECONDS

    fetching(case, [WANTED])


def test_a_release_without_these_methods_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paced_fetches, "USED", ("_proc_fetch_request", "_gone"))
    with pytest.raises(ImportError, match="_gone not found"):
        paced_fetches.use_for_aiokafka()


def test_every_consumer_of_a_worker_has_it() -> None:
    paced_fetches.use_for_aiokafka()
    assert consumer.Fetcher is PacedFetcher
