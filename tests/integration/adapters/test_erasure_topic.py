"""Orders to erase users on the embedded Kafka: carried out by the owner, refused by name, and no end of a worker."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial
from itertools import count, islice

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaConnectionError

from demo.servers.kafka import EmbeddedKafka
from saving_alerts.adapters import erasure_topic
from saving_alerts.adapters.erasure_topic import ErasureTopic
from saving_alerts.adapters.standing_orders import MOST_PENDING
from saving_alerts.delivery.producer import OutputProducer
from saving_alerts.domain.erasures import ErasureOrder, Tokens
from saving_alerts.kafka.client import partition_of
from saving_alerts.kafka.codecs import encode
from saving_alerts.settings import Settings
from saving_alerts.worker.consent import without_a_group
from tests.support.fakes.clock import START
from tests.support.fakes.metrics import RecordingMetrics

pytestmark = pytest.mark.asyncio

AMONG = 4  # of every topic of the embedded Kafka
ALL = frozenset(range(AMONG))
TOPIC = "saving-alerts.erasures"
TOKENS = Tokens("a secret of the tests, of 32 letters")
WAIT_SECONDS = 30
HOSTILE = [b"\xff", b'{"z":' + b"[" * 20_000 + b"]" * 20_000 + b"}", b"", b"null"]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not condition():  # noqa: ASYNC110 - nobody tells when a record was read
            await asyncio.sleep(0.02)


class Worker:
    """Its orders. `not_yet` says of whom why they cannot be erased now; `owned` are its partitions."""

    def __init__(self, servers: str, opened: AsyncExitStack) -> None:
        self.servers = servers
        self.owned = ALL
        self.erased: list[tuple[str, int]] = []
        self.not_yet: dict[str, str] = {}
        self.is_given_again: set[str] = set()  # while the first order is carried out
        self.reachable = True
        self.loses_all_at_the_first = False
        self.looks = 0  # so often it has asked for its partitions
        self._opened = opened

    async def open_writer(self) -> None:
        self.writer = await self._opened.enter_async_context(AIOKafkaProducer(bootstrap_servers=self.servers))
        await self.writer.partitions_for(TOPIC)

    async def start(self) -> None:
        if not hasattr(self, "writer"):
            await self.open_writer()
        metrics = RecordingMetrics()
        producer = OutputProducer(partial(AIOKafkaProducer, bootstrap_servers=self.servers), metrics)
        await self._opened.enter_async_context(producer)
        self.topic = ErasureTopic(self._connect, producer, TOPIC, TOKENS, self._owned_now, self._erase, metrics)
        await self._opened.enter_async_context(self.topic)

    def _owned_now(self) -> frozenset[int]:
        self.looks += 1
        return self.owned

    def _connect(self) -> AIOKafkaConsumer:
        if not self.reachable:
            raise KafkaConnectionError("nobody is there")
        return without_a_group(Settings.model_construct(kafka_bootstrap_servers=self.servers))

    async def _erase(self, user_id: str, partition: int) -> str | None:
        if user_id in self.is_given_again:
            self.is_given_again.remove(user_id)
            await self.order(user_id)
        if user_id in self.not_yet:
            return self.not_yet[user_id]
        self.erased.append((user_id, partition))
        if self.loses_all_at_the_first:
            self.owned = frozenset()
        return None

    async def order(self, user: str) -> None:
        await self.write(TOKENS.of_user(user).encode(), encode(ErasureOrder(user, START)), of_user(user))

    async def order_soon(self, user: str) -> None:
        """Without waiting for Kafka."""
        value, key = encode(ErasureOrder(user, START)), TOKENS.of_user(user).encode()
        await self.writer.send(TOPIC, value, key=key, partition=of_user(user))

    async def write(self, key: bytes | None, value: bytes | None, number: int) -> None:
        await self.writer.send_and_wait(TOPIC, value, key=key, partition=number)

    async def standing(self, user: str) -> bool:
        """Whether its order has no tombstone."""
        where = TopicPartition(TOPIC, of_user(user))
        async with AIOKafkaConsumer(bootstrap_servers=self.servers, auto_offset_reset="earliest") as consumer:
            consumer.assign([where])
            (end,) = (await consumer.end_offsets([where])).values()
            found = [await consumer.getone() for _ in range(end)]
        values = [record.value for record in found if record.key == TOKENS.of_user(user).encode()]
        return values[-1] is not None


def of_user(user: str) -> int:
    return partition_of(user.encode(), AMONG)


@pytest_asyncio.fixture
async def worker() -> AsyncIterator[Worker]:
    with EmbeddedKafka() as kafka:
        async with AsyncExitStack() as opened:
            yield Worker(kafka.bootstrap_servers, opened)


async def test_an_order_is_carried_out_and_then_taken_off(worker: Worker) -> None:
    await worker.start()
    await worker.order("u-1")

    await until(lambda: not worker.topic.report().waiting and bool(worker.erased))

    assert worker.erased == [("u-1", of_user("u-1"))]
    assert not await worker.standing("u-1")


async def test_an_order_that_is_given_while_another_is_carried_out_is_carried_out_too(worker: Worker) -> None:
    worker.is_given_again = {"u-1"}
    await worker.start()
    await worker.order("u-1")

    await until(lambda: len(worker.erased) > 1)
    await until(lambda: not worker.topic.report().waiting)

    assert worker.erased == [("u-1", of_user("u-1"))] * 2


async def test_one_that_cannot_be_carried_out_now_says_why_stands_and_holds_nobody_up(worker: Worker) -> None:
    worker.not_yet = {"u-1": "a claim lives"}
    await worker.start()
    await worker.order("u-1")
    await until(lambda: worker.topic.report().problem == "a claim lives")
    await worker.order("u-2")
    await until(lambda: [user for user, _ in worker.erased] == ["u-2"])
    # An order waits until its tombstone is written, which is after it was carried out.
    await until(lambda: worker.topic.report().waiting == 1)
    stands = await worker.standing("u-1")

    worker.not_yet.clear()
    await until(lambda: not worker.topic.report().waiting)

    assert stands
    assert [user for user, _ in worker.erased] == ["u-2", "u-1"]


async def test_nothing_that_stands_there_ends_it(worker: Worker) -> None:
    await worker.start()
    for number, value in enumerate(HOSTILE):
        for key in (None, b"\xff", b"%d" % number):
            await worker.write(key, value, of_user("u-1"))
    await worker.order("u-1")

    await until(lambda: bool(worker.erased))

    assert not worker.topic.crashed
    report = worker.topic.report()
    assert len(report.refused) == 2 + len(HOSTILE)
    assert all(each.startswith(f"{TOPIC}/{of_user('u-1')}/") for each in report.refused)


async def test_an_order_of_before_is_carried_out_by_whoever_has_the_partition_now(worker: Worker) -> None:
    worker.owned = frozenset()
    await worker.start()
    await worker.order("u-1")
    worker.owned = ALL - {of_user("u-1")}
    await worker.order(other := next(f"u-{n}" for n in range(2, 99) if of_user(f"u-{n}") != of_user("u-1")))
    await until(lambda: bool(worker.erased))
    before = [user for user, _ in worker.erased]

    worker.owned = frozenset({of_user("u-1")})
    await until(lambda: len(worker.erased) > 1)

    assert before == [other]
    assert [user for user, _ in worker.erased] == [other, "u-1"]


async def test_in_a_rebalance_nothing_is_carried_out(worker: Worker) -> None:
    worker.not_yet = {"u-1": "a claim lives"}
    await worker.start()
    await worker.order("u-1")
    await until(lambda: worker.topic.report().waiting == 1)
    worker.owned = frozenset()
    worker.not_yet.clear()
    worker.erased.clear()
    seen = worker.looks

    await until(lambda: worker.looks > seen + 4)
    during = list(worker.erased)
    worker.owned = ALL
    await until(lambda: bool(worker.erased))

    assert during == []


async def test_the_rest_is_left_to_whoever_gets_the_partition_meanwhile(worker: Worker) -> None:
    worker.loses_all_at_the_first = True
    await worker.open_writer()
    for user in islice(users_of(0), 5):
        await worker.order(user)

    await worker.start()
    await until(lambda: bool(worker.erased))
    seen = worker.looks
    await until(lambda: worker.looks > seen + 4)

    assert len(worker.erased) == 1


async def test_an_outage_is_named_and_the_orders_are_read_again(worker: Worker) -> None:
    worker.reachable = False
    await worker.start()
    await worker.order("u-1")
    await until(lambda: "nobody is there" in str(worker.topic.report().problem))

    worker.reachable = True
    await until(lambda: bool(worker.erased))
    await until(lambda: worker.topic.report().problem is None)

    assert not worker.topic.crashed


def users_of(partition: int) -> Iterator[str]:
    return (user for number in count() if of_user(user := f"u-{number}") == partition)


async def test_what_was_carried_out_before_is_not_carried_out_again(worker: Worker) -> None:
    """Its tombstone stands far behind it."""
    *done, waits = islice(users_of(0), erasure_topic.FETCH_RECORDS * 3 + 1)
    await worker.open_writer()
    for user in done:
        await worker.order_soon(user)
    for user in done:
        await worker.writer.send(TOPIC, None, key=TOKENS.of_user(user).encode(), partition=0)
    await worker.order(waits)

    await worker.start()
    await until(lambda: bool(worker.erased))

    assert worker.erased == [(waits, 0)]


@pytest.mark.parametrize("orders", [erasure_topic.FETCH_RECORDS * 3, MOST_PENDING + 20])
async def test_however_many_orders_there_are_all_are_carried_out(worker: Worker, orders: int) -> None:
    users = [*islice(users_of(0), orders)]
    await worker.open_writer()
    for user in users:
        await worker.order_soon(user)
    await worker.writer.flush()

    await worker.start()
    await until(lambda: len(worker.erased) == len(users))
    await until(lambda: not worker.topic.report().waiting)

    assert {user for user, _ in worker.erased} == set(users)
