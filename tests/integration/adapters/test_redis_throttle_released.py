"""What a user's value holds of claims that went back: it does not grow with the events of the user."""

import itertools
from datetime import UTC, datetime

import msgspec
import pytest
from redis import asyncio as aioredis

from saving_alerts.adapters.redis_throttle import RedisThrottle, ThrottlePolicy
from saving_alerts.ports.throttle import Granted, Outnumbered
from tests.contracts.throttle_harness import DAILY, KEY_PREFIX, LEASE_SECONDS, claim_of
from tests.support.fakes.metrics import RecordingMetrics

KEY = f"{KEY_PREFIX}u-1"
FORMER = "worker-of-0.1.0"
MOST_BYTES = 6_000  # 32 incarnations of 32 characters


@pytest.fixture
def throttle(client: aioredis.Redis) -> RedisThrottle:
    return RedisThrottle(client, ThrottlePolicy(LEASE_SECONDS, KEY_PREFIX), RecordingMetrics())


async def loop_once(throttle: RedisThrottle, number: int, incarnation: str = "a" * 32) -> None:
    """An event whose push is refused: claimed, and given back."""
    claim = claim_of(10_000_000 + number, incarnation, number=1_000 + number)
    assert isinstance(await throttle.reserve(claim, (DAILY,)), Granted)
    assert await throttle.release(claim)


async def former_value(client: aioredis.Redis, tokens: int) -> None:
    """As 0.1.0 leaves a user whose claims all went back just now."""
    seconds, _ = await client.time()
    released = [
        {"position": f"saving-events/3/{number}", "incarnation": FORMER, "number": str(number), "at": seconds * 1000}
        for number in range(1, tokens + 1)
    ]
    await client.set(KEY, msgspec.json.encode({"entries": {}, "released": released}))


@pytest.mark.asyncio
async def test_the_value_of_a_looping_user_stays_as_large_as_after_the_first_event(
    client: aioredis.Redis, throttle: RedisThrottle
) -> None:
    await loop_once(throttle, 0)
    first = await client.strlen(KEY)

    for number in range(1, 500):
        await loop_once(throttle, number)

    assert await client.strlen(KEY) == first


@pytest.mark.asyncio
async def test_the_value_stays_small_however_often_workers_start_anew(
    client: aioredis.Redis, throttle: RedisThrottle
) -> None:
    for start in range(200):
        await loop_once(throttle, start, f"{start:032}")

    assert await client.strlen(KEY) < MOST_BYTES


@pytest.mark.asyncio
async def test_a_look_is_no_write(client: aioredis.Redis, throttle: RedisThrottle) -> None:
    await loop_once(throttle, 0)
    before = await client.get(KEY), await client.pexpiretime(KEY)

    await throttle.look(claim_of(1), (DAILY,))
    await throttle.look(claim_of(1, user_id="u-2"), (DAILY,))

    assert (await client.get(KEY), await client.pexpiretime(KEY)) == before
    assert await client.keys("*") == [KEY.encode()]


@pytest.mark.asyncio
async def test_what_0_1_0_released_stays_released(client: aioredis.Redis, throttle: RedisThrottle) -> None:
    await former_value(client, 3)

    again = claim_of(2, FORMER, number=2)
    another = claim_of(7, FORMER, number=1)

    assert await throttle.reserve(again, (DAILY,)) == Outnumbered()
    assert isinstance(await throttle.reserve(another, (DAILY,)), Granted)


@pytest.mark.asyncio
async def test_a_large_value_of_0_1_0_becomes_small_with_the_next_write(
    client: aioredis.Redis, throttle: RedisThrottle
) -> None:
    await former_value(client, 4_000)

    await loop_once(throttle, 1)

    assert await client.strlen(KEY) < MOST_BYTES
    assert await throttle.reserve(claim_of(4_000, FORMER, number=4_000), (DAILY,)) == Outnumbered()


@pytest.mark.asyncio
async def test_what_is_written_has_all_that_0_1_0_asks_for(client: aioredis.Redis, throttle: RedisThrottle) -> None:
    """Its scripts take a `released` that is a list of these four, and keep what else stands in each."""
    for number, start in itertools.product(range(3), range(2)):
        await loop_once(throttle, number, f"worker-{start}")

    stored = msgspec.json.decode(await client.get(KEY) or b"")

    kinds = {name: type(value) for release in stored["released"] for name, value in release.items()}
    assert kinds == {"position": str, "incarnation": str, "number": str, "at": int, "highest": bool}
    at = datetime.fromtimestamp(stored["released"][0]["at"] / 1000, UTC)
    assert abs((datetime.now(UTC) - at).total_seconds()) < 60
