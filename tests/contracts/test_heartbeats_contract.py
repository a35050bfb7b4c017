"""What every Heartbeats promises, for the fake and for Redis; and what Redis alone can do to it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec
import pytest
import pytest_asyncio
from redis import asyncio as aioredis

from demo.servers.redis import EmbeddedRedis
from saving_alerts.adapters.kept_rows import MAX_ROWS
from saving_alerts.adapters.redis_connection import connect
from saving_alerts.adapters.redis_heartbeats import MAX_NAMED, MAX_ROW_BYTES, RedisHeartbeats
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.ports.heartbeats import Heard, Heartbeats, WorkerRow
from tests.support.fakes.clock import FakeClock
from tests.support.fakes.heartbeats import FakeHeartbeats

pytestmark = pytest.mark.asyncio

KEY_PREFIX = "test:workers:"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LONG = timedelta(minutes=1)
BRIEF = timedelta(milliseconds=50)
POLL_SECONDS = 0.005
WAIT_SECONDS = 10


class Harness(Protocol):
    """Heartbeats, and what can happen to their Redis."""

    @property
    def heartbeats(self) -> Heartbeats: ...

    async def wait(self, duration: timedelta, until: Callable[[], Awaitable[bool]]) -> None:
        """Return when `until` is true, which must be so after `duration`."""

    def flush(self) -> None: ...
    def stop(self) -> None: ...


class FakeHarness:
    def __init__(self) -> None:
        self.clock = FakeClock(NOON)
        self.heartbeats = FakeHeartbeats(self.clock)

    async def wait(self, duration: timedelta, until: Callable[[], Awaitable[bool]]) -> None:
        self.clock.advance(duration)
        assert await until()

    def flush(self) -> None:
        self.heartbeats.rows.clear()

    def stop(self) -> None:
        self.heartbeats.down = True


class RealHarness:
    def __init__(self, client: aioredis.Redis, redis: EmbeddedRedis) -> None:
        self.client = client
        self.heartbeats = RedisHeartbeats(client, KEY_PREFIX)
        self._redis = redis

    async def wait(self, duration: timedelta, until: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(duration.total_seconds() + WAIT_SECONDS):
            while not await until():  # noqa: ASYNC110 - Redis tells nobody that a key expired
                await asyncio.sleep(POLL_SECONDS)

    def flush(self) -> None:
        self._redis.restart()

    def stop(self) -> None:
        self._redis.stop()


@pytest.fixture(scope="module")
def redis() -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis() as embedded:
        yield embedded


@pytest_asyncio.fixture
async def real(redis: EmbeddedRedis) -> AsyncIterator[RealHarness]:
    redis.restart()
    client = connect(redis.url, timeout_seconds=5, max_connections=4)
    yield RealHarness(client, redis)
    await client.aclose()


@pytest.fixture(params=["fake", "real"])
def harness(request: pytest.FixtureRequest) -> Harness:
    if request.param == "fake":
        return FakeHarness()
    real: RealHarness = request.getfixturevalue("real")
    return real


def a_row(
    name: str = "worker-1", incarnation: str = "a1", events_read: int = 7, started_at: datetime = NOON
) -> WorkerRow:
    return WorkerRow(
        name=name,
        incarnation=incarnation,
        started_at=started_at,
        beaten_at=NOON + timedelta(seconds=30),
        page="http://10.0.0.1:6066",
        version="0.1.0",
        rules_version="0123456789ab",
        merchants_version=None,
        partitions=(0, 3),
        in_flight=12,
        ready=True,
        decisions={"pushed": 1, "invalid": 2},
        events_read=events_read,
    )


async def test_it_tells_its_time(harness: Harness) -> None:
    first, second = await harness.heartbeats.time(), await harness.heartbeats.time()

    assert first.tzinfo is UTC
    assert first <= second < first + timedelta(seconds=WAIT_SECONDS)


async def test_a_time_that_cannot_be_read_is_unavailable(harness: Harness) -> None:
    harness.stop()

    with pytest.raises(UnavailableError, match="Redis cannot be reached"):
        await harness.heartbeats.time()


async def test_nobody_is_listed_before_anybody_beats(harness: Harness) -> None:
    assert await harness.heartbeats.workers() == ()


async def test_a_row_comes_back_as_it_was_written(harness: Harness) -> None:
    await harness.heartbeats.beat(a_row(), LONG)

    assert await harness.heartbeats.workers() == (a_row(),)


async def test_the_next_beat_replaces_the_row(harness: Harness) -> None:
    await harness.heartbeats.beat(a_row(events_read=7), LONG)
    await harness.heartbeats.beat(a_row(events_read=8), LONG)

    assert await harness.heartbeats.workers() == (a_row(events_read=8),)


async def test_workers_are_ordered_by_name(harness: Harness) -> None:
    for name, incarnation in (("c", "1"), ("a", "3"), ("b", "2")):
        await harness.heartbeats.beat(a_row(name, incarnation), LONG)

    assert [row.name for row in await harness.heartbeats.workers()] == ["a", "b", "c"]


async def test_two_workers_of_one_name_are_both_seen_in_the_order_they_started(harness: Harness) -> None:
    await harness.heartbeats.beat(a_row(incarnation="a1", started_at=NOON + timedelta(minutes=1)), LONG)
    await harness.heartbeats.beat(a_row(incarnation="b2", started_at=NOON), LONG)

    assert [row.incarnation for row in await harness.heartbeats.workers()] == ["b2", "a1"]


async def test_a_row_vanishes_by_itself_and_leaves_the_others(harness: Harness) -> None:
    await harness.heartbeats.beat(a_row("living", "1"), LONG)
    await harness.heartbeats.beat(a_row("dying", "2"), BRIEF)

    async def only_one_lives() -> bool:
        return [row.name for row in await harness.heartbeats.workers()] == ["living"]

    await harness.wait(BRIEF, until=only_one_lives)


async def test_a_vanished_worker_is_back_with_its_next_beat(harness: Harness) -> None:
    await harness.heartbeats.beat(a_row(), BRIEF)

    async def nobody_lives() -> bool:
        return await harness.heartbeats.workers() == ()

    await harness.wait(BRIEF, until=nobody_lives)
    await harness.heartbeats.beat(a_row(), LONG)

    assert await harness.heartbeats.workers() == (a_row(),)


async def test_what_was_forgotten_is_back_with_the_next_beat(harness: Harness) -> None:
    await harness.heartbeats.beat(a_row(), LONG)
    harness.flush()
    await harness.heartbeats.beat(a_row(), LONG)

    assert await harness.heartbeats.workers() == (a_row(),)


async def test_a_beat_that_cannot_be_written_is_unavailable(harness: Harness) -> None:
    harness.stop()

    with pytest.raises(UnavailableError, match="Redis cannot be reached"):
        await harness.heartbeats.beat(a_row(), LONG)


async def test_rows_that_cannot_be_read_are_unavailable(harness: Harness) -> None:
    harness.stop()

    with pytest.raises(UnavailableError, match="Redis cannot be reached"):
        await harness.heartbeats.workers()


async def test_a_worker_is_silent_before_it_counts_as_gone(harness: Harness) -> None:
    await harness.heartbeats.beat(a_row("silent"), BRIEF)

    async def has_vanished() -> bool:
        return await harness.heartbeats.workers() == ()

    await harness.wait(BRIEF, until=has_vanished)
    heard = await harness.heartbeats.heard()
    assert (heard.rows, heard.silent) == ((), (a_row("silent"),))


async def test_a_worker_that_leaves_is_not_silent(harness: Harness) -> None:
    await harness.heartbeats.beat(a_row("staying", "1"), LONG)
    await harness.heartbeats.beat(a_row("leaving", "2"), LONG)
    await harness.heartbeats.leave("2")

    assert await harness.heartbeats.heard() == Heard(rows=(a_row("staying", "1"),))


HOSTILE = {
    "another type": b'{"name": 7}',
    "no UTF-8": msgspec.json.encode(a_row()).replace(b"worker-1", b"worker\xff"),
    "no JSON": b"\x00\xff",
    "deep": b"[" * 20_000,
    "a time without a zone": msgspec.json.encode(a_row()).replace(b"12:00:30Z", b"12:00:30"),
    "a year that no zone can be applied to": msgspec.json.encode(a_row()).replace(
        b"2026-11-23T12:00:30Z", b"0001-01-01T00:00:00+23:59"
    ),
    "a number that no page can show": msgspec.json.encode(a_row()).replace(
        b'"events_read":7', b'"events_read":' + b"9" * 30
    ),
    "a negative number": msgspec.json.encode(a_row()).replace(b'"in_flight":12', b'"in_flight":-12'),
    "a long text": msgspec.json.encode(a_row(name="w" * 300)),
    "too long": b" " * (MAX_ROW_BYTES + 1) + msgspec.json.encode(a_row()),
}


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
async def test_a_row_that_is_none_is_named_and_hides_nobody_else(real: RealHarness, value: bytes) -> None:
    await real.heartbeats.beat(a_row("readable", "1"), LONG)
    await real.heartbeats.beat(a_row("unreadable", "2"), LONG)
    await real.client.set(f"{KEY_PREFIX}2", value)

    heard = await real.heartbeats.heard()

    assert [row.name for row in heard.rows] == [row.name for row in await real.heartbeats.workers()] == ["readable"]
    assert heard.silent == ()
    assert [each.partition(":")[0] for each in heard.unreadable] == ["2"]
    assert len(heard.unreadable[0]) < 600


async def test_what_stands_there_and_is_no_text_is_named(real: RealHarness) -> None:
    await real.heartbeats.beat(a_row(), LONG)
    await real.client.sadd(f"{KEY_PREFIX}index", f"{KEY_PREFIX}set", "somebody-elses-key")
    await real.client.sadd(f"{KEY_PREFIX}set", "a member")

    heard = await real.heartbeats.heard()

    assert heard.rows == (a_row(),)
    assert [each.partition(":")[0] for each in heard.unreadable] == ["set"]


async def test_an_index_without_end_is_read_in_part(real: RealHarness) -> None:
    pipe = real.client.pipeline()
    for number in range(MAX_ROWS + 100):
        pipe.set(f"{KEY_PREFIX}{number}", b"garbage")
        pipe.sadd(f"{KEY_PREFIX}index", f"{KEY_PREFIX}{number}")
    await pipe.execute()

    heard = await real.heartbeats.heard()

    assert heard.rows == ()
    assert heard.unreadable[-1] == f"and {MAX_ROWS - MAX_NAMED} more"


async def test_an_index_that_is_none_is_unavailable(real: RealHarness) -> None:
    await real.client.set(f"{KEY_PREFIX}index", "a text")

    with pytest.raises(UnavailableError, match="WRONGTYPE"):
        await real.heartbeats.heard()


async def test_fields_of_a_newer_release_are_passed_over(real: RealHarness) -> None:
    await real.heartbeats.beat(a_row(), LONG)
    body = msgspec.json.encode(a_row())
    await real.client.set(f"{KEY_PREFIX}a1", b'{"new_field": 1,' + body[1:])

    assert await real.heartbeats.workers() == (a_row(),)


async def test_every_key_expires_by_itself(real: RealHarness) -> None:
    await real.heartbeats.beat(a_row(), LONG)

    keys = await real.client.keys("*")
    assert len(keys) == 4  # the row and its index, and the same for what was said last
    assert all([await real.client.pttl(key) > 0 for key in keys])
