"""The Table of sends: what it remembers, what it lets go, and that looking leaves nothing behind."""

import asyncio
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import faust
import msgspec
import pytest
from aiokafka.errors import KafkaTimeoutError
from faust.streams import _current_event

from saving_alerts.domain.push_sends import PushSend
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.client import partition_of
from saving_alerts.worker.push_sends_table import PushSendsTable, UnreadableSendsError
from tests.support.fakes.clock import START, FakeClock

pytestmark = pytest.mark.asyncio

PARTITIONS = 4
WEEK = timedelta(days=7)
WAIT_SECONDS = 10
TURNS = 20  # of the loop: more than anything takes that waits for nobody


class Kafka:
    """Takes whatever a Table sends to its changelog. `changes` are keys and values.

    It says so at once, but for what it is told in `answers`: those are for the changes that come next.
    """

    def __init__(self, app: faust.App) -> None:
        self.changes: list[tuple[bytes, bytes | None]] = []
        self.answers: list[Sent] = []
        setattr(app.tables["push_sends"].changelog_topic, "send_soon", self._send_soon)  # noqa: B010 - it is a method

    def _send_soon(self, *, key: bytes, value: bytes | None, partition: int, **_: object) -> "Sent":
        self.changes.append((key, value))
        if self.answers:
            return self.answers.pop(0)
        at_once = Sent(partition)
        at_once.set_result(None)
        return at_once


class Sent(asyncio.Future[None]):
    """What Faust returns for a record: it is done when Kafka has it."""

    def __init__(self, partition: int) -> None:
        super().__init__()
        self.message = SimpleNamespace(partition=partition)


class World:
    def __init__(self) -> None:
        self.clock = FakeClock()
        app = faust.App("test-tables", broker="kafka://127.0.0.1:1", store="memory://", topic_partitions=PARTITIONS)
        app.consumer = cast("Any", SimpleNamespace(topic_partitions=lambda _: PARTITIONS))
        self.table = PushSendsTable(app, "test.push-sends", self.clock)
        self.kafka = Kafka(app)

    async def record(self, user_id: str, offset: int) -> None:
        """As a stage does: in the task of a record of the user's partition."""
        partition = partition_of(user_id.encode(), PARTITIONS)
        event = SimpleNamespace(message=SimpleNamespace(topic="test.alerts", partition=partition))
        token = _current_event.set(cast("Any", lambda: event))
        try:
            await self.table.record(user_id, sent(offset, self.clock))
        finally:
            _current_event.reset(token)


def sent(offset: int, clock: FakeClock) -> PushSend:
    position = SourcePosition("saving-events", 0, offset)
    return PushSend(merchant_id="m-1", sent_at=clock.now(), position=position, event_id=f"event-{offset}")


@pytest.fixture
def world() -> World:
    return World()


async def test_a_send_is_remembered_and_on_its_way_to_kafka(world: World) -> None:
    await world.record("u-1", 7)

    assert [send.event_id for send in world.table.of("u-1")] == ["event-7"]
    assert [key for key, _ in world.kafka.changes] == [b"u-1"]


async def test_a_send_is_recorded_when_kafka_has_it_and_not_before(world: World) -> None:
    answer = Sent(partition=0)
    world.kafka.answers = [answer]
    recording = asyncio.ensure_future(world.record("u-1", 7))
    for _ in range(TURNS):
        await asyncio.sleep(0)
    was_recorded = recording.done()
    answer.set_result(None)
    await asyncio.wait_for(recording, WAIT_SECONDS)

    assert world.kafka.changes[0][0] == b"u-1"
    assert not was_recorded


async def test_a_send_that_kafka_did_not_take_is_written_again(world: World) -> None:
    refused = Sent(partition=0)
    refused.set_exception(KafkaTimeoutError())
    world.kafka.answers = [refused]

    await asyncio.wait_for(world.record("u-1", 7), WAIT_SECONDS)

    assert [key for key, _ in world.kafka.changes] == [b"u-1", b"u-1"]


async def test_looking_for_somebody_unknown_leaves_nothing_behind(world: World) -> None:
    assert world.table.of("u-1") == ()

    assert len(world.table) == 0


async def test_what_no_cap_counts_any_more_is_not_told(world: World) -> None:
    await world.record("u-1", 7)
    world.clock.set(START + WEEK)

    assert world.table.of("u-1") == ()


async def test_users_whose_sends_are_too_old_go_when_others_come(world: World) -> None:
    neighbours = [f"u-{number}" for number in range(100) if partition_of(f"u-{number}".encode(), PARTITIONS) == 0]
    old, *others = neighbours
    await world.record(old, 1)
    world.clock.set(START + WEEK)

    for number, user_id in enumerate(others):
        await world.record(user_id, number)

    assert (old.encode(), None) in world.kafka.changes
    assert len(world.table) == len(others)


async def test_with_each_send_ten_users_are_looked_at(world: World) -> None:
    """A send may bring a user: were it one, the Table of a busy partition would never get smaller."""
    neighbours = [f"u-{number}" for number in range(400) if partition_of(f"u-{number}".encode(), PARTITIONS) == 0]
    busy, *old = neighbours[:31]
    for number, user_id in enumerate(old):
        await world.record(user_id, number)
    world.clock.set(START + WEEK)
    world.table._old_looked_for = iter(())  # so that the first of these sends lists the users anew

    left = []
    for number in range(4):
        await world.record(busy, number)
        left.append(len(world.table) - 1)

    assert left == [30, 20, 10, 0]


async def test_users_of_other_partitions_are_left_to_their_own(world: World) -> None:
    """A change goes to the partition of the record in work: deleted there, a user of another would come back."""
    names = [f"u-{number}" for number in range(100)]
    elsewhere = next(name for name in names if partition_of(name.encode(), PARTITIONS) == 1)
    await world.record(elsewhere, 1)
    world.clock.set(START + WEEK)

    for number, user_id in enumerate(name for name in names if partition_of(name.encode(), PARTITIONS) == 0):
        await world.record(user_id, number)

    assert (elsewhere.encode(), None) not in world.kafka.changes


async def test_a_user_whose_partition_went_away_in_the_middle_of_the_sweep_is_passed_over(world: World) -> None:
    """The keys are listed once and looked at ten at a time: a rebalance can come between."""
    for number in range(20):
        await world.record(f"u-{number}", number)
    world.table._table.data.clear()

    await world.record("u-20", 20)

    assert [send.event_id for send in world.table.of("u-20")] == ["event-20"]


SEND = {
    "merchant_id": "m",
    "sent_at": "2026-11-23T12:00:00Z",
    "position": {"topic": "t", "partition": 0, "offset": 1},
    "event_id": "e",
}
HOSTILE = {
    "no JSON": b"\x00",
    "no UTF-8": b'[{"event_id":"\xff"}]',
    "deep": b"[" * 50_000,
    "no list": b"{}",
    "a time without a zone": msgspec.json.encode([SEND | {"sent_at": "2026-11-23T12:00:00"}]),
    "an offset that none can have": msgspec.json.encode(
        [SEND | {"position": {"topic": "t", "partition": 0, "offset": -1}}]
    ),
}


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
async def test_what_cannot_be_read_is_an_error_for_its_user_only(world: World, value: bytes) -> None:
    world.table._table.data[b"u-spoiled"] = value

    with pytest.raises(UnreadableSendsError, match="something unreadable for this user"):
        world.table.of("u-spoiled")
    for offset in range(30):
        await world.record("u-well", offset)

    assert len(world.table.of("u-well")) == 30
    assert (b"u-spoiled", None) not in world.kafka.changes
