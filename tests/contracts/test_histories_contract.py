"""What every Histories promises, on Redis; and that what strangers put there hurts nobody."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from redis import asyncio as aioredis

from demo.servers.redis import EmbeddedRedis
from saving_alerts.adapters.redis_connection import connect
from saving_alerts.adapters.redis_histories import MAX_HISTORY_BYTES, RedisHistories
from saving_alerts.domain.history import CountedByTime, Resolution, WorkerHistory
from saving_alerts.domain.reasons import Reason
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.ports.histories import KEPT_FOR
from tests.support.fakes.clock import START

pytestmark = pytest.mark.asyncio

PREFIX = "test:history:"


@pytest.fixture(scope="module")
def redis() -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis() as embedded:
        yield embedded


@pytest_asyncio.fixture
async def client(redis: EmbeddedRedis) -> AsyncIterator[aioredis.Redis]:
    redis.restart()
    client = connect(redis.url, timeout_seconds=5, max_connections=4)
    yield client
    await client.aclose()


@pytest.fixture
def histories(client: aioredis.Redis) -> RedisHistories:
    return RedisHistories(client, PREFIX)


def counted(incarnation: str, times: int = 1) -> WorkerHistory:
    worker = CountedByTime()
    worker.count("read", times, START)
    return worker.history(incarnation)


async def test_each_incarnation_has_one_row_and_the_last_counts(histories: RedisHistories) -> None:
    for history in (counted("a"), counted("b"), counted("a", 7)):
        await histories.write(history)

    assert sorted(await histories.read(), key=lambda each: each.incarnation) == [counted("a", 7), counted("b")]


async def test_a_row_is_kept_as_long_as_the_page_looks_back(histories: RedisHistories, client: aioredis.Redis) -> None:
    await histories.write(counted("a"))

    for key in (f"{PREFIX}a", f"{PREFIX}index"):
        assert KEPT_FOR.total_seconds() - 60 < await client.ttl(key) <= KEPT_FOR.total_seconds()


async def test_what_strangers_put_there_is_left_out(histories: RedisHistories, client: aioredis.Redis) -> None:
    await histories.write(counted("a"))
    for name, value in {"b": b"{", "c": b'{"incarnation":"c","fine":[[-1,{}]]}', "d": b" " * MAX_HISTORY_BYTES}.items():
        await client.set(f"{PREFIX}{name}", value)
        await client.sadd(f"{PREFIX}index", f"{PREFIX}{name}")
    await client.lpush(f"{PREFIX}e", "x")
    await client.sadd(f"{PREFIX}index", f"{PREFIX}e")

    assert await histories.read() == (counted("a"),)


async def test_a_full_history_is_far_from_the_limit(histories: RedisHistories) -> None:
    worker = CountedByTime()
    for bucket in range(62):
        for resolution in Resolution:
            for reason in Reason:
                worker.count(str(reason), 10**9, START + bucket * resolution.span / 60)

    history = worker.history("a" * 32)
    await histories.write(history)

    (found,) = await histories.read()
    assert found == history


async def test_without_redis_it_says_so(histories: RedisHistories, redis: EmbeddedRedis) -> None:
    redis.stop()

    with pytest.raises(UnavailableError):
        await histories.write(counted("a"))
    with pytest.raises(UnavailableError):
        await histories.read()
