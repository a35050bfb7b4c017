"""Scripts that are called at once go together, and each caller hears of its own alone."""

import asyncio
from collections.abc import Sequence

import pytest
from redis import asyncio as aioredis
from redis import exceptions

from demo.servers.redis import EmbeddedRedis
from saving_alerts.adapters.redis_connection import connect
from saving_alerts.adapters.redis_shared_calls import MOST_TOGETHER, SharedCalls

pytestmark = pytest.mark.asyncio

# Answers with what stood at the key, and writes there; of `refuse` it makes an error.
SCRIPT = """
if ARGV[1] == 'refuse' then return redis.error_reply('REFUSED as asked') end
local before = redis.call('GET', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1])
return {KEYS[1], before or ''}
"""


class Writer:
    """Calls the script on one key."""

    def __init__(self, client: aioredis.Redis) -> None:
        self._shared_calls = SharedCalls(client)
        self._script = client.register_script(SCRIPT)

    async def write(self, key: str, value: str) -> Sequence[bytes | int]:
        return await self._shared_calls.call(self._script, [key], [value])


async def clients_of(client: aioredis.Redis) -> int:
    return int((await client.info("clients"))["connected_clients"])


async def test_each_caller_gets_its_own_answer(client: aioredis.Redis) -> None:
    writer = Writer(client)
    keys = [f"key-{number}" for number in range(2 * MOST_TOGETHER + 1)]

    first = await asyncio.gather(*(writer.write(key, f"of {key}") for key in keys))
    second = await asyncio.gather(*(writer.write(key, "again") for key in keys))

    assert first == [[key.encode(), b""] for key in keys]
    assert second == [[key.encode(), f"of {key}".encode()] for key in keys]


async def test_calls_of_one_turn_share_a_connection(redis: EmbeddedRedis) -> None:
    async with connect(redis.url, timeout_seconds=5, max_connections=MOST_TOGETHER) as client:
        before = await clients_of(client)
        writer = Writer(client)

        await asyncio.gather(*(writer.write(f"key-{number}", "a value") for number in range(MOST_TOGETHER)))

        assert await clients_of(client) == before


async def test_calls_of_one_key_come_in_their_order(client: aioredis.Redis) -> None:
    writer = Writer(client)

    answers = await asyncio.gather(*(writer.write("key", str(number)) for number in range(5)))

    assert [before for _, before in answers] == [b"", b"0", b"1", b"2", b"3"]


async def test_a_server_that_has_forgotten_the_script_is_told_it_again(client: aioredis.Redis) -> None:
    writer = Writer(client)
    await writer.write("key", "before")
    await client.script_flush()

    answers = await asyncio.gather(*(writer.write(f"key-{number}", "after") for number in range(3)))

    assert [before for _, before in answers] == [b"", b"", b""]


async def test_what_is_refused_fails_alone(client: aioredis.Redis) -> None:
    writer = Writer(client)
    values = ["a value", "refuse", "a value"]

    answers = await asyncio.gather(
        *(writer.write(f"key-{number}", value) for number, value in enumerate(values)), return_exceptions=True
    )

    assert (answers[0], answers[2]) == ([b"key-0", b""], [b"key-2", b""])
    assert isinstance(answers[1], exceptions.ResponseError)
    assert "REFUSED as asked" in str(answers[1])


async def test_who_is_cancelled_before_anything_was_sent_writes_nothing(client: aioredis.Redis) -> None:
    writer = Writer(client)
    given_up, other = (asyncio.create_task(writer.write(key, "a value")) for key in ("given-up", "other"))
    await asyncio.sleep(0)
    given_up.cancel()

    assert await other == [b"other", b""]
    assert await client.get("given-up") is None


async def test_who_is_cancelled_later_takes_no_answer_from_the_others(client: aioredis.Redis) -> None:
    writer = Writer(client)
    await writer.write("key", "known to the server")
    given_up, other = (asyncio.create_task(writer.write(key, "a value")) for key in ("given-up", "other"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    given_up.cancel()

    assert await other == [b"other", b""]
    assert given_up.cancelled()


async def test_without_a_server_every_caller_hears_of_it() -> None:
    with EmbeddedRedis() as gone:
        url = gone.url
    async with connect(url, timeout_seconds=0.1, max_connections=4) as client:
        writer = Writer(client)

        answers = await asyncio.gather(
            *(writer.write(f"key-{number}", "a value") for number in range(3)), return_exceptions=True
        )

    assert [type(answer) for answer in answers] == [exceptions.ConnectionError] * 3
