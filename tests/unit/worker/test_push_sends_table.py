"""The Table of sends: what it remembers, what it lets go, and that looking leaves nothing behind."""

import asyncio
import itertools
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import faust
import msgspec
import pytest
from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaTimeoutError
from faust.streams import _current_event

from saving_alerts.domain.erasures import Tokens
from saving_alerts.domain.push_sends import PushSend
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.client import partition_of
from saving_alerts.kafka.push_send_rows import user_and_row
from saving_alerts.worker.push_sends_table import PushSendsTable, UnreadableSendsError
from tests.support.fakes.clock import START, FakeClock

pytestmark = pytest.mark.asyncio

PARTITIONS = 4
HOURS = 168
WEEK = timedelta(hours=HOURS)
BUCKET = timedelta(hours=1)  # so much longer a send may be held than it counts
WAIT_SECONDS = 10
TURNS = 20  # of the loop: more than anything takes that waits for nobody


class Kafka:
    """Takes whatever a Table sends to its changelog. `changes` are the partitions, keys and values.

    It says so at once, but for what it is told in `answers`: those are for the changes that come next.
    """

    def __init__(self, app: faust.App) -> None:
        self.changes: list[tuple[int, bytes, bytes | None]] = []
        self.answers: list[Sent] = []
        setattr(app.tables["push_sends"].changelog_topic, "send_soon", self._send_soon)  # noqa: B010 - it is a method

    @property
    def users(self) -> list[bytes]:
        """Of the changes, in their order."""
        return [user_and_row(key)[0] for _, key, _ in self.changes]

    @property
    def gone(self) -> list[tuple[int, bytes]]:
        """Of which partitions and users rows were deleted."""
        return [(partition, user_and_row(key)[0]) for partition, key, value in self.changes if value is None]

    def compacted(self, partition: int) -> list[ConsumerRecord]:
        """What is left of the changes of a partition: the last one of each key, without tombstones."""
        written = [(key, value) for number, key, value in self.changes if number == partition]
        last = {key: offset for offset, (key, _) in enumerate(written)}
        left = [(offset, *written[offset]) for offset in sorted(last.values())]
        return [_change(partition, *each) for each in left if each[2] is not None]

    def _send_soon(self, *, key: bytes, value: bytes | None, partition: int, **_: object) -> "Sent":
        self.changes.append((partition, key, value))
        if self.answers:
            return self.answers.pop(0)
        at_once = Sent(partition)
        at_once.set_result(None)
        return at_once


def _change(partition: int, offset: int, key: bytes, value: bytes | None) -> ConsumerRecord:
    return ConsumerRecord("test.push-sends", partition, offset, 0, 0, key, value, None, 0, 0, ())


class Sent(asyncio.Future[None]):
    """What Faust returns for a record: it is done when Kafka has it."""

    def __init__(self, partition: int) -> None:
        super().__init__()
        self.message = SimpleNamespace(partition=partition)


class World:
    """A worker's Table. Those with the same `kafka` write the same changelog."""

    def __init__(self, kafka: Kafka | None = None, tokens: Tokens | None = None) -> None:
        self.clock = FakeClock()
        app = faust.App("test-tables", broker="kafka://127.0.0.1:1", store="memory://", topic_partitions=1)
        app.consumer = cast("Any", SimpleNamespace(topic_partitions=lambda _: PARTITIONS))
        self.table = PushSendsTable(app, "test.push-sends", self.clock, tokens)
        self.kafka = Kafka(app)
        if kafka is not None:
            self.kafka.changes = kafka.changes

    async def record(self, user_id: str, offset: int, *, uncertain: bool = False) -> None:
        await self.record_send(user_id, sent(offset, self.clock, uncertain=uncertain))

    async def record_send(self, user_id: str, send: PushSend) -> None:
        """As a stage does: in the task of a record of the user's partition."""
        event = SimpleNamespace(message=SimpleNamespace(topic="test.alerts", partition=of_user(user_id)))
        token = _current_event.set(cast("Any", lambda: event))
        try:
            await self.table.record(user_id, send)
        finally:
            _current_event.reset(token)

    def recover(self, *records: ConsumerRecord) -> None:
        for record in records:
            self.table._table.store.take(record.partition, [record])

    def events_of(self, user_id: str) -> list[str]:
        return [send.event_id for send in self.table.of(user_id)]


def of_user(user_id: str) -> int:
    return partition_of(user_id.encode(), PARTITIONS)


def users_of(partition: int, most: int) -> list[str]:
    return [name for name in (f"u-{number}" for number in range(most * 8)) if of_user(name) == partition][:most]


def sent(offset: int, clock: FakeClock, *, uncertain: bool = False) -> PushSend:
    position = SourcePosition("saving-events", 0, offset)
    event_id = f"event-{offset}"
    return PushSend(merchant_id="m-1", sent_at=clock.now(), position=position, event_id=event_id, uncertain=uncertain)


@pytest.fixture
def world() -> World:
    return World()


async def test_a_send_is_remembered_and_on_its_way_to_kafka(world: World) -> None:
    await world.record("u-1", 7)

    assert [send.event_id for send in world.table.of("u-1")] == ["event-7"]
    assert world.kafka.users == [b"u-1"]


async def test_a_send_is_recorded_when_kafka_has_it_and_not_before(world: World) -> None:
    answer = Sent(partition=0)
    world.kafka.answers = [answer]
    recording = asyncio.ensure_future(world.record("u-1", 7))
    for _ in range(TURNS):
        await asyncio.sleep(0)
    was_recorded = recording.done()
    answer.set_result(None)
    await asyncio.wait_for(recording, WAIT_SECONDS)

    assert world.kafka.users == [b"u-1"]
    assert not was_recorded


async def test_a_send_that_kafka_did_not_take_is_written_again(world: World) -> None:
    refused = Sent(partition=0)
    refused.set_exception(KafkaTimeoutError())
    world.kafka.answers = [refused]

    await asyncio.wait_for(world.record("u-1", 7), WAIT_SECONDS)

    first, second = world.kafka.changes
    assert first == second


async def test_looking_for_somebody_unknown_leaves_nothing_behind(world: World) -> None:
    assert world.table.of("u-1") == ()

    assert len(world.table) == 0


async def test_what_no_cap_counts_any_more_is_not_told(world: World) -> None:
    await world.record("u-1", 7)
    world.clock.set(START + WEEK)

    assert world.table.of("u-1") == ()


async def test_users_whose_sends_are_too_old_go_when_others_come(world: World) -> None:
    old, *others = users_of(0, 50)
    await world.record(old, 1)
    world.clock.set(START + WEEK + BUCKET)

    for number, user_id in enumerate(others):
        await world.record(user_id, number)

    assert world.kafka.gone == [(0, old.encode())]
    assert len(world.table) == len(others)


async def test_with_each_send_ten_users_are_looked_at(world: World) -> None:
    """A send may bring a user: were it one, the Table of a busy partition would never get smaller."""
    busy, *old = users_of(0, 31)
    for number, user_id in enumerate(old):
        await world.record(user_id, number)
    world.clock.set(START + WEEK + BUCKET)

    left = []
    for number in range(4):
        await world.record(busy, number)
        left.append(len(world.table) - 1)

    assert left == [20, 10, 0, 0]


async def test_a_send_that_counts_stays_when_an_older_one_of_its_user_goes(world: World) -> None:
    await world.record("u-1", 1)
    world.clock.set(START + WEEK / 2)
    await world.record("u-1", 2)
    world.clock.set(START + WEEK + BUCKET)

    await world.record("u-1", 3)

    assert world.kafka.gone == [(of_user("u-1"), b"u-1")]
    assert world.events_of("u-1") == ["event-2", "event-3"]


async def test_rows_are_deleted_where_they_stand_whatever_the_settings_say(world: World) -> None:
    """The app of this world is told of one partition; its topics have four."""
    elsewhere = users_of(1, 1)[0]
    await world.record(elsewhere, 1)
    world.clock.set(START + WEEK + BUCKET)

    for number, user_id in enumerate(users_of(0, 20)):
        await world.record(user_id, number)
    assert world.kafka.gone == []

    await world.record(users_of(1, 2)[1], 2)
    assert world.kafka.gone == [(1, elsewhere.encode())]


async def test_partitions_of_new_users_hold_a_week_of_them(world: World) -> None:
    """Every send is to somebody new, for four weeks of ten sends an hour."""
    users = (f"u-{number}" for number in itertools.count())
    most = 0
    for hour in range(4 * HOURS):
        world.clock.set(START + timedelta(hours=hour))
        for user_id in itertools.islice(users, 10):
            await world.record(user_id, hour)
        most = max(most, len(world.table))

    assert most <= (HOURS + 2) * 10


async def test_what_a_former_owner_writes_late_replaces_nothing(world: World) -> None:
    """It was paused behind its push. The new owner was told so, and pushed once more within the caps."""
    former = World()
    owner = World(former.kafka)
    await owner.record("u-1", 1)
    await owner.record("u-1", 2)
    former.clock.set(START + timedelta(minutes=1))
    await former.record("u-1", 1, uncertain=True)

    world.recover(*former.kafka.compacted(of_user("u-1")))

    assert world.table.of("u-1") == (sent(1, owner.clock), sent(2, owner.clock))


async def test_nor_does_it_delete_what_it_does_not_know(world: World) -> None:
    former = World()
    owner = World(former.kafka)
    await former.record("u-1", 1)
    later = START + WEEK + BUCKET
    owner.clock.set(later)
    await owner.record("u-1", 2)
    former.clock.set(later)
    await former.record("u-1", 3)
    assert former.kafka.gone

    world.clock.set(later)
    world.recover(*former.kafka.compacted(of_user("u-1")))

    assert world.events_of("u-1") == ["event-2", "event-3"]


async def test_a_send_that_turned_out_to_be_certain_is_certain_after_recovery(world: World) -> None:
    first, again = World(), World()
    await first.record("u-1", 1, uncertain=True)
    first.clock.set(START + timedelta(minutes=1))
    await first.record("u-1", 1)

    again.recover(*first.kafka.compacted(of_user("u-1")))

    assert again.table.of("u-1") == first.table.of("u-1") == (sent(1, FakeClock()),)


async def test_the_list_of_a_former_release_counts_and_goes_when_all_of_it_is_too_old(world: World) -> None:
    user, other = users_of(0, 2)
    sends = tuple(msgspec.structs.replace(sent(n, world.clock), sent_at=START + n * WEEK / 4) for n in range(2))
    world.recover(_change(0, 0, user.encode(), msgspec.json.encode(sends)))
    assert world.table.of(user) == sends

    world.clock.set(START + WEEK + BUCKET)
    await world.record(other, 1)
    assert world.events_of(user) == ["event-1"]
    assert world.kafka.gone == []

    world.clock.set(START + WEEK * 1.25 + BUCKET)
    await world.record(other, 2)
    assert (0, user.encode()) in world.kafka.gone
    assert world.table.of(user) == ()


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


SPOILED_LISTS = {name: (b"u-spoiled", value) for name, value in HOSTILE.items()}
SPOILED_ROWS = {
    f"row: {name}": (b"u-spoiled\xff" + row, b"1")
    for name, row in {
        "no JSON": b"\x00",
        "no UTF-8": b'["\xff",0,1,"e","m",1,false]',
        "deep": b"[" * 50_000,
        "too short": b'["t",0,1]',
        "an offset that none can have": b'["t",0,-1,"e","m",1,false]',
        "a time that none can have": b'["t",0,1,"e","m",9223372036854775807,false]',
    }.items()
}
SPOILED = SPOILED_LISTS | SPOILED_ROWS


@pytest.mark.parametrize(("key", "value"), SPOILED.values(), ids=SPOILED)
async def test_what_cannot_be_read_is_an_error_for_its_user_only(world: World, key: bytes, value: bytes) -> None:
    partition = of_user("u-well")
    world.recover(_change(partition, 0, key, value))

    with pytest.raises(UnreadableSendsError, match="something unreadable for this user"):
        world.table.of("u-spoiled")
    for offset in range(30):
        await world.record("u-well", offset)

    assert len(world.table.of("u-well")) == 30
    assert world.kafka.gone == []

    world.recover(_change(partition, 1, key, None))
    assert world.table.of("u-spoiled") == ()
