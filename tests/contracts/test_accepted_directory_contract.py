"""What every AcceptedDirectories promises, for the fake and for Redis; and what others can write to Redis."""

from collections.abc import AsyncIterator, Iterator
from typing import Protocol

import msgspec
import pytest
import pytest_asyncio
from redis import asyncio as aioredis

from demo.servers.redis import EmbeddedRedis
from saving_alerts.adapters.redis_accepted_directory import MAX_NOTE_BYTES, NO_TEXT, RedisAcceptedDirectories
from saving_alerts.adapters.redis_connection import connect
from saving_alerts.ports.accepted_directory import AcceptedDirectories, AcceptedDirectory
from saving_alerts.ports.errors import UnavailableError
from tests.support.fakes.accepted_directory import FakeAcceptedDirectories

pytestmark = pytest.mark.asyncio

KEY = "test:merchants:accepted"
FIRST = AcceptedDirectory(version="0123456789ab", merchants=208)
SECOND = AcceptedDirectory(version="ba9876543210", merchants=210)
THIRD = AcceptedDirectory(version="aaaaaaaaaaaa", merchants=3)


class Harness(Protocol):
    """The directories, and what can happen to their Redis."""

    @property
    def directories(self) -> AcceptedDirectories: ...

    def flush(self) -> None: ...
    def stop(self) -> None: ...


class FakeHarness:
    def __init__(self) -> None:
        self.directories = FakeAcceptedDirectories()

    def flush(self) -> None:
        self.directories.noted = None

    def stop(self) -> None:
        self.directories.down = True


class RealHarness:
    def __init__(self, client: aioredis.Redis, redis: EmbeddedRedis) -> None:
        self.client = client
        self.directories = RedisAcceptedDirectories(client, KEY)
        self._redis = redis

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


async def test_before_the_first_note_nothing_is_known(harness: Harness) -> None:
    noted = await harness.directories.last()

    assert (noted.directory, noted.problem) == (None, "no directory was accepted before")


async def test_what_was_accepted_comes_back(harness: Harness) -> None:
    await harness.directories.accept(FIRST)
    await harness.directories.accept(SECOND)

    noted = await harness.directories.last()

    assert (noted.directory, noted.problem) == (SECOND, None)


async def test_the_first_note_is_one_that_replaces_nothing(harness: Harness) -> None:
    assert await harness.directories.replace(await harness.directories.last(), FIRST)
    assert (await harness.directories.last()).directory == FIRST


async def test_a_note_replaces_what_was_read(harness: Harness) -> None:
    await harness.directories.accept(FIRST)

    assert await harness.directories.replace(await harness.directories.last(), SECOND)
    assert (await harness.directories.last()).directory == SECOND


@pytest.mark.parametrize("begins", [None, FIRST])
async def test_a_note_does_not_replace_what_came_meanwhile(harness: Harness, begins: AcceptedDirectory | None) -> None:
    if begins:
        await harness.directories.accept(begins)
    read_before = await harness.directories.last()
    await harness.directories.accept(SECOND)

    assert not await harness.directories.replace(read_before, THIRD)
    assert (await harness.directories.last()).directory == SECOND


async def test_a_note_that_was_lost_meanwhile_is_not_replaced(harness: Harness) -> None:
    await harness.directories.accept(FIRST)
    read_before = await harness.directories.last()
    harness.flush()

    assert not await harness.directories.replace(read_before, SECOND)
    assert (await harness.directories.last()).directory is None


async def test_a_call_that_is_repeated_has_noted(harness: Harness) -> None:
    read_before = await harness.directories.last()

    assert [await harness.directories.replace(read_before, FIRST) for _ in range(2)] == [True, True]


async def test_without_redis_every_call_is_unavailable(harness: Harness) -> None:
    noted = await harness.directories.last()
    harness.stop()

    with pytest.raises(UnavailableError, match="Redis cannot be reached"):
        await harness.directories.last()
    with pytest.raises(UnavailableError, match="Redis cannot be reached"):
        await harness.directories.replace(noted, FIRST)
    with pytest.raises(UnavailableError, match="Redis cannot be reached"):
        await harness.directories.accept(FIRST)


NOTE = msgspec.json.encode(FIRST)
HOSTILE = {
    "no JSON": b"\x00\xff",
    "the sign for no text": NO_TEXT,
    "deep": b"[" * MAX_NOTE_BYTES,
    "too long": NOTE + b" " * MAX_NOTE_BYTES,
    "endless": b"x" * 1_000_000,
    "no version": NOTE.replace(b"0123456789ab", b"../../../etc"),
    "a version with a line break": NOTE.replace(b"0123456789ab", b"0123456789ab\\n"),
    "no UTF-8": NOTE.replace(b"0123456789ab", b"0123456789a\xff"),
    "no merchants": b'{"version": "0123456789ab"}',
    "less than none": NOTE.replace(b"208", b"-208"),
    "half a merchant": NOTE.replace(b"208", b"208.5"),
    "endless merchants": NOTE.replace(b"208", b"9" * 500),
}


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
async def test_what_is_no_note_counts_as_none_is_named_and_replaced(real: RealHarness, value: bytes) -> None:
    await real.client.set(KEY, value)

    noted = await real.directories.last()

    assert noted.directory is None
    assert str(noted.problem).startswith(f"Redis holds something unreadable at the key {KEY} (")
    assert str(noted.problem).isprintable()
    assert await real.directories.replace(noted, SECOND)
    assert (await real.directories.last()).directory == SECOND


async def test_a_key_of_another_kind_is_no_note_and_replaced(real: RealHarness) -> None:
    await real.client.sadd(KEY, "a member")

    noted = await real.directories.last()

    assert (noted.directory, str(noted.problem)[:37]) == (None, "Redis holds something unreadable at t")
    assert await real.directories.replace(noted, FIRST)
    assert (await real.directories.last()).directory == FIRST


async def test_fields_of_a_newer_release_are_passed_over(real: RealHarness) -> None:
    await real.client.set(KEY, b'{"new_field": 1,' + NOTE[1:])

    assert (await real.directories.last()).directory == FIRST


async def test_it_is_remembered_for_good(real: RealHarness) -> None:
    await real.directories.accept(FIRST)
    await real.directories.replace(await real.directories.last(), SECOND)

    assert await real.client.pttl(KEY) == -1
