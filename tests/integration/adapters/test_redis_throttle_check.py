"""What the check of every heartbeat says: as much as a claim takes, in Redis' own words, and what to do."""

import time
from collections.abc import AsyncIterator, Iterator
from functools import partial

import msgspec
import pytest
import pytest_asyncio
from redis import asyncio as aioredis

from demo.servers.redis import EmbeddedRedis, server_binary
from saving_alerts.adapters.redis_connection import connect
from saving_alerts.adapters.redis_throttle import RedisThrottle, ThrottlePolicy
from saving_alerts.ports.errors import UnavailableError
from tests.contracts.throttle_harness import DAILY, KEY_PREFIX, LEASE_SECONDS, claim_of
from tests.contracts.throttle_servers import NamedRedis
from tests.support.fakes.metrics import RecordingMetrics

CLAIM = claim_of(1)


@pytest.fixture
def own_redis() -> Iterator[EmbeddedRedis]:
    """Every test does something to the server."""
    with EmbeddedRedis() as embedded:
        yield embedded


@pytest_asyncio.fixture
async def client(own_redis: EmbeddedRedis) -> AsyncIterator[aioredis.Redis]:
    async with connect(own_redis.url, timeout_seconds=5, max_connections=4) as connected:
        yield connected


@pytest.fixture
def throttle(client: aioredis.Redis) -> RedisThrottle:
    return throttle_on(client)


def throttle_on(client: aioredis.Redis) -> RedisThrottle:
    return RedisThrottle(client, ThrottlePolicy(LEASE_SECONDS, KEY_PREFIX), RecordingMetrics())


# Redis 7 and Valkey say it in words of their own.
IN_A_SCRIPT = "ERR (ACL failure in script|The user executing the script can't run this command)"
REFUSALS = {
    "out of memory": (("CONFIG", "SET", "maxmemory", "1"), "is out of memory: OOM command not allowed"),
    "a replica": (("REPLICAOF", "127.0.0.1", "1"), "is a read-only replica: READONLY You can't write"),
    "too few replicas": (("CONFIG", "SET", "min-replicas-to-write", "1"), "refuses the command: NOREPLICAS Not enough"),
    "no scripts": (
        ("ACL", "SETUSER", "default", "-evalsha"),
        "our user this command, .* NOPERM .* the 'evalsha' command",
    ),
    "no writing": (("ACL", "SETUSER", "default", "-set"), f"our user this command, .* {IN_A_SCRIPT}"),
    "no reading": (("ACL", "SETUSER", "default", "-get"), f"our user this command, .* {IN_A_SCRIPT}"),
    "no clock": (("ACL", "SETUSER", "default", "-time"), f"our user this command, .* {IN_A_SCRIPT}"),
}


@pytest.mark.asyncio
@pytest.mark.parametrize(("ill", "says"), REFUSALS.values(), ids=REFUSALS)
async def test_the_check_fails_in_redis_own_words_where_a_claim_would(
    own_redis: EmbeddedRedis, ill: tuple[str, ...], says: str
) -> None:
    async with connect(own_redis.url, timeout_seconds=5, max_connections=2) as client:
        await throttle_on(client).check()
        await client.execute_command(*ill)  # type: ignore[no-untyped-call] # as redis-py has it

        with pytest.raises(UnavailableError, match=says):
            await throttle_on(client).check()
        with pytest.raises(UnavailableError, match=says):
            await throttle_on(client).reserve(CLAIM, (DAILY,))


@pytest.mark.asyncio
async def test_the_check_says_once_that_a_call_has_failed_since(
    client: aioredis.Redis, throttle: RedisThrottle
) -> None:
    for ill in ("-set", "+set"):
        await client.execute_command("ACL", "SETUSER", "default", ill)  # type: ignore[no-untyped-call]
        if ill == "-set":
            with pytest.raises(UnavailableError):
                await throttle.reserve(CLAIM, (DAILY,))

    with pytest.raises(UnavailableError, match=IN_A_SCRIPT):
        await throttle.check()
    await throttle.check()


@pytest.mark.asyncio
async def test_the_check_is_of_no_user_and_leaves_nothing_for_ever(
    client: aioredis.Redis, throttle: RedisThrottle
) -> None:
    await throttle.check()
    await throttle.reserve(claim_of(1, user_id="%check"), ())

    keys = set(await client.keys("*"))
    assert keys == {f"{KEY_PREFIX}{name}".encode() for name in ("%check", "%25check", "%budgets")}
    assert all([await client.pttl(key) > 0 for key in keys])
    await throttle.check()


@pytest.mark.asyncio
async def test_a_node_of_a_cluster_is_named_with_what_to_do() -> None:
    with NamedRedis(server_binary(), "--cluster-enabled", "yes") as server:
        async with connect(server.url, timeout_seconds=5, max_connections=2) as client:
            for call in (throttle_on(client).check, partial(throttle_on(client).reserve, CLAIM, ())):
                with pytest.raises(UnavailableError, match="Cluster, which is not supported: name a single server"):
                    await call()


class Sentinel(EmbeddedRedis):
    """What watches a primary and its replicas, and has no data itself."""

    def _command(self) -> list[str]:
        settings = self._folder_path() / "sentinel.conf"
        settings.touch()
        return [server_binary(), str(settings), "--sentinel", "--bind", "127.0.0.1", "--port", str(self._port.number)]


@pytest.mark.asyncio
async def test_a_sentinel_is_named_with_what_to_do() -> None:
    with Sentinel() as server:
        async with connect(server.url, timeout_seconds=5, max_connections=2) as client:
            with pytest.raises(UnavailableError, match="is a Sentinel, which is not supported: name a single server"):
                await throttle_on(client).check()


HOSTILE_ENTRIES = {
    "a position that is none": {"position": "elsewhere", "sent_at": 1},
    "a position that no topic has": {"position": "t/-1/99999999999999999999", "sent_at": 1},
    "a time that no calendar has": {"position": str(CLAIM.position), "sent_at": 10**18},
    "a lease that no calendar has": {
        "position": "t/0/1",
        "event_id": "e-1",
        "lease_until": 10**18,
        "incarnation": "a",
        "number": "1",
    },
}


@pytest.mark.asyncio
@pytest.mark.parametrize("entry", HOSTILE_ENTRIES.values(), ids=HOSTILE_ENTRIES)
async def test_what_nobody_of_us_wrote_is_unreadable_and_says_which_key(
    client: aioredis.Redis, throttle: RedisThrottle, entry: dict[str, object]
) -> None:
    now = time.time() * 1000
    whole = {"event_id": CLAIM.event_id, "merchant_id": "m"} | entry
    if whole.get("sent_at") == 1:
        whole["sent_at"] = int(now)
    await client.set(f"{KEY_PREFIX}u-1", msgspec.json.encode({"entries": [whole], "released": []}))

    with pytest.raises(UnavailableError, match=f"unreadable at the key {KEY_PREFIX}u-1: delete it"):
        await throttle.reserve(CLAIM, ())
