"""`deliver` returns when Kafka has the records: all of them, in their order, but for those it never takes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    NotEnoughReplicasError,
    OutOfOrderSequenceNumber,
)

from saving_alerts.delivery.outputs import Output, Undelivered
from saving_alerts.delivery.producer import MAX_RECORD_BYTES, OutputProducer
from saving_alerts.kafka.refusals import UNAUTHORIZED
from saving_alerts.metrics import Metric
from tests.support.fakes.metrics import RecordingMetrics

pytestmark = pytest.mark.asyncio

RECORDS_PER_BATCH = 3
Lane = tuple[str, int]


class FakeBatch:
    """Takes three records."""

    def __init__(self) -> None:
        self.values: list[bytes] = []

    def append(
        self, *, key: bytes | None, value: bytes, timestamp: int | None, headers: list[tuple[str, bytes]]
    ) -> object | None:
        if len(self.values) == RECORDS_PER_BATCH:
            return None
        self.values.append(value)
        return object()


@dataclass
class FakeKafka:
    """What the brokers have, by lane, and what they answer next. `held`: nobody is answered until it is set."""

    batches: list[tuple[Lane, list[bytes]]] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    poison: bytes | None = None
    held: asyncio.Event | None = None
    submitted: asyncio.Event = field(default_factory=asyncio.Event)
    attempts: int = 0
    unreachable_starts: int = 0
    missing_files: int = 0
    producers: list["FakeProducer"] = field(default_factory=list)

    def create(self) -> AIOKafkaProducer:
        if self.producers and self.missing_files:
            self.missing_files -= 1
            raise OSError("the authority's file is being replaced")
        self.producers.append(FakeProducer(self))
        return cast("AIOKafkaProducer", self.producers[-1])

    async def store(self, lane: Lane, values: list[bytes]) -> None:
        self.attempts += 1
        self.submitted.set()
        if self.held is not None:
            await self.held.wait()
        if self.errors:
            raise self.errors.pop(0)
        if self.poison in values:
            raise MessageSizeTooLargeError
        self.batches.append((lane, values))

    def values(self, topic: str = "decisions", partition: int = 0) -> list[bytes]:
        return [value for lane, values in self.batches if lane == (topic, partition) for value in values]


class FakeProducer:
    def __init__(self, kafka: FakeKafka) -> None:
        self._kafka = kafka
        self.stopped = False

    async def start(self) -> None:
        if self._kafka.unreachable_starts:
            self._kafka.unreachable_starts -= 1
            raise KafkaConnectionError("no broker answers")

    async def stop(self) -> None:
        self.stopped = True

    async def partitions_for(self, topic: str) -> set[int]:
        return {0, 1}

    def create_batch(self) -> FakeBatch:
        return FakeBatch()

    async def send_batch(self, batch: FakeBatch, topic: str, *, partition: int) -> "asyncio.Task[None]":
        return asyncio.create_task(self._kafka.store((topic, partition), batch.values))


def output(value: bytes = b"v", partition: int = 0) -> Output:
    return Output("decisions", partition, b"u-1", value)


def numbered(count: int, partition: int = 0) -> list[Output]:
    return [output(str(number).encode(), partition) for number in range(count)]


class World:
    def __init__(self) -> None:
        self.kafka = FakeKafka()
        self.metrics = RecordingMetrics()
        self.producer = OutputProducer(self.kafka.create, self.metrics)


@asynccontextmanager
async def started() -> AsyncIterator[World]:
    world = World()
    await world.producer.on_start()
    yield world
    await world.producer.on_stop()


async def test_delivered_is_what_kafka_has() -> None:
    async with started() as world:
        undelivered = await world.producer.deliver(numbered(2))

        assert (undelivered, world.kafka.values()) == ([], [b"0", b"1"])


async def test_delivering_waits_for_kafkas_answer() -> None:
    async with started() as world:
        world.kafka.held = asyncio.Event()
        delivery = asyncio.create_task(world.producer.deliver([output()]))
        await world.kafka.submitted.wait()
        was_done = delivery.done()

        world.kafka.held.set()

        assert (was_done, await delivery) == (False, [])


async def test_nothing_to_deliver_is_delivered_at_once() -> None:
    async with started() as world:
        assert await world.producer.deliver([]) == []


async def test_as_many_records_go_together_as_one_batch_holds() -> None:
    async with started() as world:
        await world.producer.deliver(numbered(7))

        assert [len(values) for _, values in world.kafka.batches] == [3, 3, 1]


async def test_records_that_came_while_a_batch_was_under_way_go_together_in_their_order() -> None:
    async with started() as world:
        world.kafka.held = asyncio.Event()
        deliveries = [asyncio.create_task(world.producer.deliver([each])) for each in numbered(3)]
        await world.kafka.submitted.wait()
        world.kafka.held.set()

        await asyncio.gather(*deliveries)

        assert world.kafka.values() == [b"0", b"1", b"2"]


async def test_a_busy_lane_gathers_what_comes_next() -> None:
    """What waited behind a batch does not leave at once: what comes right after goes with it."""
    async with started() as world:
        world.kafka.held = asyncio.Event()
        first = asyncio.create_task(world.producer.deliver([output(b"0")]))
        await world.kafka.submitted.wait()
        second = asyncio.create_task(world.producer.deliver([output(b"1")]))
        await asyncio.sleep(0)  # it is in the lane
        world.kafka.held.set()

        await first
        await world.producer.deliver([output(b"next")])
        await second

        assert [values for _, values in world.kafka.batches] == [[b"0"], [b"1", b"next"]]


async def test_a_lane_without_an_answer_does_not_hold_the_others() -> None:
    async with started() as world:
        world.kafka.held = answer = asyncio.Event()
        slow = asyncio.create_task(world.producer.deliver([output(b"slow", 0)]))
        await world.kafka.submitted.wait()
        world.kafka.held = None

        await world.producer.deliver([output(b"fast", 1)])

        assert (world.kafka.values(partition=1), slow.done()) == ([b"fast"], False)
        answer.set()
        await slow


async def test_each_lane_keeps_its_order() -> None:
    async with started() as world:
        both = [each for pair in zip(numbered(10, 0), numbered(10, 1), strict=True) for each in pair]

        await world.producer.deliver(both)

        in_order = [each.value for each in numbered(10)]
        assert (world.kafka.values(partition=0), world.kafka.values(partition=1)) == (in_order, in_order)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(NotEnoughReplicasError(), id="replicas-missing"),
        pytest.param(KafkaTimeoutError(), id="no-place-in-the-queue"),
    ],
)
async def test_what_kafka_wants_again_it_gets_again_in_the_same_order(error: Exception) -> None:
    async with started() as world:
        world.kafka.errors = [error]

        undelivered = await world.producer.deliver(numbered(4))

        assert (undelivered, world.kafka.values()) == ([], [b"0", b"1", b"2", b"3"])
        assert world.metrics.total(Metric.DELIVERY_RETRIES, topic="decisions") == 1


async def test_what_kafka_never_takes_fails_alone() -> None:
    async with started() as world:
        world.kafka.poison = b"1"

        undelivered = await world.producer.deliver(numbered(3))

        assert [failed.output.value for failed in undelivered] == [b"1"]
        assert isinstance(undelivered[0].error, MessageSizeTooLargeError)
        assert world.kafka.values() == [b"0", b"2"]


async def test_another_callers_bad_record_fails_for_that_caller_only() -> None:
    async with started() as world:
        world.kafka.poison = b"bad"

        good, bad = await asyncio.gather(
            world.producer.deliver([output(b"good")]), world.producer.deliver([output(b"bad")])
        )

        assert (good, [failed.output.value for failed in bad]) == ([], [b"bad"])


async def test_a_permanent_error_is_not_tried_again() -> None:
    async with started() as world:
        world.kafka.errors = [MessageSizeTooLargeError()]

        undelivered = await world.producer.deliver([output()])

        assert (len(undelivered), world.kafka.attempts) == (1, 1)


@pytest.mark.parametrize("refused", UNAUTHORIZED)
async def test_a_missing_right_is_no_fault_of_a_record(refused: type[Exception]) -> None:
    async with started() as world:
        world.kafka.errors = [refused()]

        undelivered = await world.producer.deliver([output()])

        assert (undelivered, world.kafka.values()) == ([], [b"v"])


async def test_an_oversize_record_fails_without_asking_kafka() -> None:
    async with started() as world:
        oversize = output(b"x" * (MAX_RECORD_BYTES + 1))

        undelivered = await world.producer.deliver([oversize, output(b"small")])

        assert [failed.output for failed in undelivered] == [oversize]
        assert (world.kafka.values(), world.kafka.attempts) == ([b"small"], 1)


async def test_headers_and_key_count_towards_the_size() -> None:
    record = Output("decisions", 0, b"key", b"value", (("name", b"1234"),))

    assert record.size_bytes == 3 + 5 + 4 + 4


async def test_a_producer_that_lost_its_sequence_is_replaced_once_for_all_lanes() -> None:
    async with started() as world:
        world.kafka.errors = [OutOfOrderSequenceNumber(), OutOfOrderSequenceNumber()]

        undelivered = await world.producer.deliver([output(b"a", 0), output(b"b", 1)])

        assert (undelivered, len(world.kafka.producers)) == ([], 2)
        assert [producer.stopped for producer in world.kafka.producers] == [True, False]


async def test_a_replacement_that_cannot_start_is_tried_again_and_no_record_is_forgotten() -> None:
    async with started() as world:
        world.kafka.errors = [OutOfOrderSequenceNumber(), OutOfOrderSequenceNumber()]
        world.kafka.unreachable_starts = 1

        undelivered = await world.producer.deliver([output()])

        assert (undelivered, world.kafka.values()) == ([], [b"v"])
        assert [producer.stopped for producer in world.kafka.producers] == [True, True, False]


async def test_a_replacement_that_cannot_be_made_is_tried_again_as_well() -> None:
    async with started() as world:
        world.kafka.errors = [OutOfOrderSequenceNumber(), OutOfOrderSequenceNumber()]
        world.kafka.missing_files = 1

        undelivered = await world.producer.deliver([output()])

        assert (undelivered, world.kafka.values()) == ([], [b"v"])


async def test_the_brokers_say_how_many_partitions_there_are() -> None:
    async with started() as world:
        assert await world.producer.partition_count("decisions") == 2


async def test_before_its_start_nothing_is_delivered() -> None:
    with pytest.raises(RuntimeError, match="not started"):
        await World().producer.partition_count("decisions")


async def abandon(*deliveries: "asyncio.Task[list[Undelivered]]") -> None:
    """As a drain does whose time is over."""
    for delivery in deliveries:
        delivery.cancel()
    await asyncio.gather(*deliveries, return_exceptions=True)


async def test_what_nobody_waits_for_any_more_is_not_written_and_not_kept() -> None:
    async with started() as world:
        world.kafka.held = asyncio.Event()
        deliveries = [asyncio.create_task(world.producer.deliver([each])) for each in numbered(1_000)]
        kept = asyncio.create_task(world.producer.deliver([output(b"kept")]))
        await world.kafka.submitted.wait()

        await abandon(*deliveries)
        waiting = world.producer.waiting
        world.kafka.held.set()

        assert await kept == []
        assert waiting <= 2
        assert world.kafka.values() == [b"0", b"1", b"2", b"kept"]  # three were under way


async def test_what_nobody_waits_for_any_more_is_not_tried_again() -> None:
    async with started() as world:
        world.kafka.held, world.kafka.errors = asyncio.Event(), [NotEnoughReplicasError()]
        delivery = asyncio.create_task(world.producer.deliver(numbered(2)))
        await world.kafka.submitted.wait()

        await abandon(delivery)
        world.kafka.held.set()

        assert await world.producer.deliver([output(b"of the next owner")]) == []
        assert world.kafka.values() == [b"of the next owner"]
