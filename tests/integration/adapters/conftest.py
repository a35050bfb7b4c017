"""One Redis for each module, empty before each test. A module that needs others has fixtures of its own."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from redis import asyncio as aioredis

from demo.servers.redis import EmbeddedRedis
from saving_alerts.adapters.redis_connection import connect


@pytest.fixture(scope="module")
def redis() -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis() as embedded:
        yield embedded


@pytest_asyncio.fixture
async def client(redis: EmbeddedRedis) -> AsyncIterator[aioredis.Redis]:
    async with connect(redis.url, timeout_seconds=5, max_connections=4) as connected:
        await connected.flushall()
        yield connected
