"""Whatever stands at a user's key in Redis: a script answers as its port says, or the key is named and not written."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from random import Random

import pytest
from redis import asyncio as aioredis

from demo.servers.redis import EmbeddedRedis
from saving_alerts.adapters.redis_connection import connect
from saving_alerts.adapters.redis_throttle import RedisThrottle
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.ports.throttle import Claim
from tests.contracts.throttle_harness import DAILY, DAILY_PER_MERCHANT, KEY_PREFIX, RealHarness, claim_of
from tests.contracts.throttle_servers import SERVERS, named
from tests.fuzzing.mutations import MUTATIONS, Mutation, mutated

KEY = KEY_PREFIX + "u-1"
CLAIM = claim_of(7)
LIVE_MS, MINUTE_MS = 20_000, 60_000
TIMES: tuple[object, ...] = (0, -1, 1e300, -1e300, 2**53, 1e15, 0.5, "1", None, [], {}, True)
Call = Callable[[RedisThrottle], Awaitable[object]]
CALLS: dict[str, Call] = {
    "reserve": lambda throttle: throttle.reserve(CLAIM, (DAILY, DAILY_PER_MERCHANT)),
    "renew": lambda throttle: throttle.renew(CLAIM),
    "confirm": lambda throttle: throttle.confirm(CLAIM, uncertain=False),
    "confirm uncertain": lambda throttle: throttle.confirm(CLAIM, uncertain=True),
    "release": lambda throttle: throttle.release(CLAIM),
}


@pytest.fixture(scope="module", params=SERVERS)
def redis(request: pytest.FixtureRequest) -> Iterator[EmbeddedRedis]:
    with named(request.param) as server:
        yield server


def claim_entry(claim: Claim, now_ms: int) -> dict[str, object]:
    return {
        "position": str(claim.position),
        "event_id": claim.event_id,
        "merchant_id": claim.merchant_id,
        "incarnation": claim.incarnation,
        "number": str(claim.number),
        "lease_until": now_ms + LIVE_MS,
    }


def send_entry(claim: Claim, now_ms: int) -> dict[str, object]:
    entry = claim_entry(claim, now_ms)
    return {name: entry[name] for name in ("position", "event_id", "merchant_id")} | {"sent_at": now_ms - MINUTE_MS}


def seeds(now_ms: int) -> list[dict[str, list[dict[str, object]]]]:
    """What stands there on good days: nothing, our claim, our send, somebody else's."""
    other = claim_of(9)
    release = {"position": str(other.position), "incarnation": "a", "number": "1", "at": now_ms}
    return [
        {"entries": [claim_entry(CLAIM, now_ms)], "released": [release]},
        {"entries": [claim_entry(CLAIM, now_ms - MINUTE_MS)], "released": []},
        {"entries": [send_entry(CLAIM, now_ms)], "released": []},
        {"entries": [send_entry(other, now_ms), claim_entry(other, now_ms)], "released": [release]},
    ]


async def each_call(client: aioredis.Redis, values: list[bytes]) -> list[str]:
    """What is wrong with the answers to every call on every value."""
    wrong = []
    for value in values:
        for name, call in CALLS.items():
            await client.set(KEY, value)
            if problem := await outcome(client, call, value):
                wrong.append(f"{name} on {value!r}: {problem}")
    return wrong


async def outcome(client: aioredis.Redis, call: Call, value: bytes) -> str | None:
    try:
        await call(RealHarness(client).throttle())  # type: ignore[arg-type]
    except UnavailableError as error:
        if f"something unreadable at the key {KEY}: delete it" not in str(error):
            return str(error)
        return None if await client.get(KEY) == value else "it was overwritten"
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        return repr(error)
    return None


def wrong_with(redis: EmbeddedRedis, made: Callable[[int], list[bytes]]) -> list[str]:
    async def run() -> list[str]:
        async with connect(redis.url, timeout_seconds=5, max_connections=2) as client:
            seconds, _ = await client.time()
            return await each_call(client, made(1000 * seconds))

    return asyncio.run(run())


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_a_mutated_value_is_read_or_named(redis: EmbeddedRedis, mutation: Mutation) -> None:
    random = Random(mutation.__name__)

    def made(now_ms: int) -> list[bytes]:
        raw = [json.dumps(seed).encode() for seed in seeds(now_ms)]
        return [mutation(each, random) for each in raw for _ in range(8)] + [mutated(each, random) for each in raw]

    assert wrong_with(redis, made) == []


def test_any_value_of_any_field_is_read_or_named(redis: EmbeddedRedis) -> None:
    def made(now_ms: int) -> list[bytes]:
        return [
            json.dumps({**seed, kind: [{**item, field: value}]}).encode()
            for seed in seeds(now_ms)
            for kind in ("entries", "released")
            for item in seed[kind]
            for field in item
            for value in TIMES
        ]

    assert wrong_with(redis, made) == []
