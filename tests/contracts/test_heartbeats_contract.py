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
from saving_alerts.adapters.redis_connection import connect
from saving_alerts.adapters.redis_heartbeats import RedisHeartbeats
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.ports.heartbeats import Heartbeats, WorkerRow
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


async def test_a_row_that_another_release_wrote_hides_nobody_else(real: RealHarness) -> None:
    await real.heartbeats.beat(a_row("readable", "1"), LONG)
    await real.heartbeats.beat(a_row("unreadable", "2"), LONG)
    await real.client.set(f"{KEY_PREFIX}2", b'{"name": 7}')

    assert [row.name for row in await real.heartbeats.workers()] == ["readable"]


async def test_fields_of_a_newer_release_are_passed_over(real: RealHarness) -> None:
    await real.heartbeats.beat(a_row(), LONG)
    body = msgspec.json.encode(a_row())
    await real.client.set(f"{KEY_PREFIX}a1", b'{"new_field": 1,' + body[1:])

    assert await real.heartbeats.workers() == (a_row(),)


async def test_every_key_expires_by_itself(real: RealHarness) -> None:
    await real.heartbeats.beat(a_row(), LONG)

    keys = await real.client.keys("*")
    assert len(keys) == 2  # the row and the index
    assert all([await real.client.pttl(key) > 0 for key in keys])
