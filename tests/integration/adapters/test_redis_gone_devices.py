"""Whom the push API has called gone, on a real Redis protocol: for a while, and never a reason to fail."""

import pytest
from redis import asyncio as aioredis

from saving_alerts.adapters.redis_connection import connect
from saving_alerts.adapters.redis_gone_devices import RedisGoneDevices
from saving_alerts.ports.gone_devices import GoneDevice
from tests.support.fakes.clock import START

pytestmark = pytest.mark.asyncio

PREFIX = "saving-alerts:gone:"
HOUR_SECONDS = 3600


async def test_one_who_is_gone_is_remembered_for_the_time_that_is_set(client: aioredis.Redis) -> None:
    gone = RedisGoneDevices(client, PREFIX, HOUR_SECONDS)

    await gone.remember("u-1:x", "unregistered", START)

    assert await gone.of("u-1:x") == GoneDevice(START, "unregistered")
    assert await gone.of("u-2") is None
    assert 0 < await client.pttl(f"{PREFIX}u-1%3Ax") <= HOUR_SECONDS * 1000


async def test_with_no_time_nobody_is_remembered(client: aioredis.Redis) -> None:
    gone = RedisGoneDevices(client, PREFIX, 0)

    await gone.remember("u-1", "unregistered", START)

    assert (await gone.of("u-1"), await client.dbsize()) == (None, 0)


@pytest.mark.parametrize("value", [b"", b"?", b"x" * 100_000, b'{"since":"2026-11-23T10:00:00","reason":"r"}'])
async def test_what_cannot_be_read_is_nobody(client: aioredis.Redis, value: bytes) -> None:
    await client.set(f"{PREFIX}u-1", value)

    assert await RedisGoneDevices(client, PREFIX, HOUR_SECONDS).of("u-1") is None


async def test_a_key_of_another_kind_and_no_redis_at_all_are_nobody(client: aioredis.Redis) -> None:
    await client.sadd(f"{PREFIX}u-1", "x")
    assert await RedisGoneDevices(client, PREFIX, HOUR_SECONDS).of("u-1") is None

    async with connect("redis://127.0.0.1:1/0", 0.1, 1) as nowhere:
        gone = RedisGoneDevices(nowhere, PREFIX, HOUR_SECONDS)
        await gone.remember("u-1", "unregistered", START)
        assert await gone.of("u-1") is None
