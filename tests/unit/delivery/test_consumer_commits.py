"""What is committed of finished and abandoned work, and what is left of it when partitions go and come."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import faust
import pytest
from faust.transport.conductor import Conductor
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types import TP, Message
from mode import Service

from saving_alerts.delivery.consumer import BatchConsumer, BatchTransport
from saving_alerts.delivery.poison_pills.commit_metadata import Partition, PartitionMemo
from saving_alerts.delivery.poison_pills.detector import PoisonPillDetector
from saving_alerts.delivery.poison_pills.finished_before import Behind
from saving_alerts.failpoints import Failpoints
from tests.support.fakes.metadata_store import FakeMetadataStore

pytestmark = pytest.mark.asyncio

FIRST, SECOND = TP("events", 0), TP("events", 1)


class FakeThread(Service):
    """The consumer's thread, without being one. `committed` is what Kafka took; while `refuses` it takes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.refuses = False
        self.committed: list[dict[TP, int]] = []
        self.texts: list[dict[TP, str]] = []

    def assignment(self) -> set[TP]:
        return {FIRST, SECOND}

    async def call_thread(self, call: Callable[..., Awaitable[object]], *arguments: object) -> object:
        return await call(*arguments)

    async def commit_with_memos(self, noted: Mapping[TP, tuple[int, str]]) -> bool:
        self.texts.append({tp: text for tp, (_, text) in noted.items()})
        if not self.refuses:
            self.committed.append({tp: offset for tp, (offset, _) in noted.items()})
        return not self.refuses


class ThreadlessConsumer(BatchConsumer):
    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return cast("AIOKafkaConsumerThread", FakeThread())


class ThreadlessTransport(BatchTransport):
    Consumer = ThreadlessConsumer


class NothingWritten:
    """Faust's own producer, through which nothing is under way."""

    async def flush(self) -> None: ...


class NoBrokerApp(faust.App):
    """An app whose consumer is never started, and which does nothing more when partitions go."""

    failpoints = Failpoints()

    def __init__(self) -> None:
        super().__init__("commits", broker="kafka://127.0.0.1:1")
        self.held: dict[Partition, Behind] = {}
        self.detector = PoisonPillDetector(FakeMetadataStore())
        self.producer = cast("Any", NothingWritten())
        cast("Conductor", self.topics)._acking_topics.add("events")

    def _new_transport(self) -> BatchTransport:
        return ThreadlessTransport(self.conf.broker_consumer, self)

    async def _on_partitions_revoked(self, revoked: set[TP]) -> None: ...

    async def drain(self) -> None: ...

    def expect(self, partition: Partition, records: int, size_bytes: int) -> None: ...

    def held_back(self) -> Mapping[Partition, Behind]:
        return self.held


class World:
    """One consumer of two partitions."""

    def __init__(self) -> None:
        self.consumer = cast("BatchConsumer", NoBrokerApp().consumer)
        self.consumer._set_active_tps({FIRST, SECOND})
        self.kafka = cast("FakeThread", self.consumer._thread)

    def delivered(self, *offsets: int) -> list[Message]:
        """Messages of the first partition, in work."""
        messages = [Message("events", 0, offset, 0, 0, None, None, None, None, tp=FIRST) for offset in offsets]
        for message in messages:
            self.consumer.track_message(message)
        return messages

    def finish(self, *messages: Message) -> None:
        for message in messages:
            self.consumer.ack(message)


@pytest.fixture
def world() -> World:
    return World()


async def test_what_is_finished_is_committed_up_to_what_is_not(world: World) -> None:
    first, unfinished, last = world.delivered(12, 13, 14)
    world.finish(first, last)
    await world.consumer.commit()
    world.finish(unfinished)
    await world.consumer.commit()

    assert world.kafka.committed == [{FIRST: 13}, {FIRST: 15}]


async def test_a_commit_that_failed_is_tried_again(world: World) -> None:
    world.finish(*world.delivered(12))
    world.kafka.refuses = True
    await world.consumer.commit()
    world.kafka.refuses = False
    await world.consumer.commit()

    assert world.kafka.committed == [{FIRST: 13}]


async def test_what_is_finished_is_committed_before_its_partition_goes(world: World) -> None:
    world.finish(*world.delivered(12))

    await world.consumer.on_partitions_revoked({FIRST})

    assert world.kafka.committed == [{FIRST: 13}]


async def test_what_was_abandoned_is_not_committed_with_what_came_after_it(world: World) -> None:
    abandoned, finished = world.delivered(12, 14)
    world.finish(finished)

    await world.consumer.wait_empty()
    await world.consumer.commit()

    assert not abandoned.acked
    assert world.kafka.committed == []


async def test_what_was_abandoned_and_is_still_referred_to_holds_up_no_commit(world: World) -> None:
    abandoned = world.delivered(12)
    await world.consumer.wait_empty()

    world.finish(*world.delivered(12))
    await world.consumer.commit()

    assert not abandoned[0].acked
    assert world.kafka.committed == [{FIRST: 13}]


async def test_what_was_finished_in_vain_is_committed_when_it_was_finished_again(world: World) -> None:
    abandoned, finished = world.delivered(12, 14)
    world.finish(finished)
    await world.consumer.wait_empty()

    world.finish(*world.delivered(12, 14))
    await world.consumer.commit()

    assert not abandoned.acked
    assert world.kafka.committed == [{FIRST: 15}]


async def test_a_partition_that_was_full_and_went_is_not_read_when_its_former_work_makes_room(world: World) -> None:
    world.consumer.on_buffer_full(FIRST)
    await world.consumer.wait_empty()
    world.consumer._set_active_tps({SECOND})

    world.consumer.on_buffer_drop(FIRST)

    assert world.consumer._get_active_partitions() == {SECOND}


def held(world: World, *ranges: tuple[int, int]) -> None:
    """The first partition's record 12 is unfinished, and these ranges behind it are finished."""
    behind = Behind(12, 7, ranges)
    app = cast("NoBrokerApp", world.consumer.app)
    app.held = {FIRST: behind}
    app.detector = PoisonPillDetector(FakeMetadataStore(), app.held.get)


def finished_of(text: str) -> list[tuple[int, int]]:
    finished = PartitionMemo.read(text).finished
    return list(finished.ranges()) if finished else []


async def test_what_is_finished_behind_a_held_record_is_noted_although_nothing_can_be_committed(world: World) -> None:
    held(world, (13, 40))
    await world.consumer.commit()
    await world.consumer.commit()
    once = len(world.kafka.texts)
    held(world, (13, 40), (50, 60))
    await world.consumer.commit()

    assert world.kafka.committed == [{FIRST: 12}, {FIRST: 12}]
    assert once == 1
    assert [finished_of(text[FIRST]) for text in world.kafka.texts] == [[(13, 40)], [(13, 40), (50, 60)]]


async def test_after_a_commit_that_failed_it_is_left_out_once(world: World) -> None:
    held(world, (13, 40))
    world.kafka.refuses = True
    await world.consumer.commit()
    world.kafka.refuses = False
    for _ in range(3):
        await world.consumer.commit()

    assert [finished_of(text[FIRST]) for text in world.kafka.texts] == [[(13, 40)], [], [(13, 40)]]


async def test_each_commit_has_what_is_finished_behind_it(world: World) -> None:
    world.finish(*world.delivered(11))
    held(world, (13, 40))

    await world.consumer.commit()

    assert world.kafka.committed[0] == {FIRST: 12}
    assert finished_of(world.kafka.texts[0][FIRST]) == [(13, 40)]
