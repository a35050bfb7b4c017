"""The rights in Redis of docs/operating.md are enough, and each is needed: without it a call says so in words."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
from redis import asyncio as aioredis

from demo.servers.redis import EmbeddedRedis
from saving_alerts.adapters.redis_connection import connect
from saving_alerts.adapters.redis_heartbeats import RedisHeartbeats
from saving_alerts.adapters.redis_throttle import RedisThrottle, ThrottlePolicy
from saving_alerts.ports.errors import UnavailableError
from tests.contracts.throttle_harness import DAILY, LEASE_SECONDS, claim_of
from tests.contracts.throttle_servers import SERVERS, named
from tests.support.fakes.metrics import RecordingMetrics
from tests.support.worker_rows import a_row

pytestmark = pytest.mark.asyncio

OPERATING = Path(__file__).parents[3] / "docs" / "operating.md"
(RIGHTS,) = re.findall(r"^    ACL SETUSER saving-alerts on >PASSWORD (.+)$", OPERATING.read_text("utf-8"), re.MULTILINE)
COMMANDS = [right for right in RIGHTS.split() if right.startswith("+")]
PASSWORD = "hunter2"
BRIEF = timedelta(milliseconds=1)
MINUTE = timedelta(minutes=1)

Says = dict[str, str]


@pytest_asyncio.fixture(scope="module", params=SERVERS)
async def server(request: pytest.FixtureRequest) -> AsyncIterator[EmbeddedRedis]:
    with named(request.param) as redis:
        yield redis


@pytest_asyncio.fixture
async def administrator(server: EmbeddedRedis) -> AsyncIterator[aioredis.Redis]:
    """Of a server that knows neither keys nor scripts."""
    async with connect(server.url, timeout_seconds=5, max_connections=1) as client:
        await client.flushall()
        await client.script_flush()
        yield client


async def allow(administrator: aioredis.Redis, rights: list[str]) -> None:
    """The user `worker` may do this, and nothing else."""
    await administrator.acl_deluser("worker")
    await administrator.execute_command("ACL", "SETUSER", "worker", "on", f">{PASSWORD}", *rights)  # type: ignore[no-untyped-call] # as redis-py has it


async def everything(server: EmbeddedRedis) -> Says:
    """What each call of a worker says that fails; nothing if all succeed."""
    url = server.url.replace("://", f"://worker:{PASSWORD}@")
    async with connect(url, timeout_seconds=5, max_connections=1) as client:
        throttle = RedisThrottle(client, ThrottlePolicy(LEASE_SECONDS, "saving-alerts:claims:"), RecordingMetrics())
        heartbeats = RedisHeartbeats(client, "saving-alerts:workers:")
        row, claim = a_row(1, {}), claim_of(1, number=1)
        silent = msgspec.structs.replace(row, incarnation="silent")
        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "check": throttle.check,
            "reserve": lambda: throttle.reserve(claim, (DAILY,)),
            "renew": lambda: throttle.renew(claim),
            "confirm": lambda: throttle.confirm(claim, uncertain=False),
            "release": lambda: throttle.release(claim_of(2, number=1)),
            "beat": lambda: heartbeats.beat(row, MINUTE),
            "beat of one that falls silent": lambda: heartbeats.beat(silent, BRIEF),
            "workers": lambda: until_one_is_left(heartbeats),
            "time": heartbeats.time,
            "leave": lambda: heartbeats.leave(row.incarnation),
        }
        return {name: words for name, call in calls.items() if (words := await said_by(call)) is not None}


async def until_one_is_left(heartbeats: RedisHeartbeats) -> None:
    async with asyncio.timeout(5):
        while len(await heartbeats.workers()) > 1:
            pass


async def said_by(call: Callable[[], Awaitable[object]]) -> str | None:
    try:
        await call()
    except UnavailableError as error:
        return str(error)
    return None


async def test_the_documented_rights_are_enough(server: EmbeddedRedis, administrator: aioredis.Redis) -> None:
    await allow(administrator, RIGHTS.split())

    assert await everything(server) == {}


@pytest.mark.parametrize("missing", COMMANDS)
async def test_each_of_them_is_needed_and_missed_in_words(
    server: EmbeddedRedis, administrator: aioredis.Redis, missing: str
) -> None:
    await allow(administrator, [right for right in RIGHTS.split() if right != missing])

    says = await everything(server)

    assert says
    assert {words.partition(",")[0] for words in says.values()} == {"Redis refuses our user this command"}
    assert all('docs/operating.md, "TLS, SASL and ACLs"' in words for words in says.values())


@pytest.mark.parametrize("keys", ["~saving-alerts:workers:*", "~other:*"])
async def test_a_key_that_our_user_may_not_touch_is_no_reason_to_delete_it(
    server: EmbeddedRedis, administrator: aioredis.Redis, keys: str
) -> None:
    await allow(administrator, [keys, *COMMANDS])

    says = await everything(server)

    assert "refuses our user this command" in says["reserve"]
    assert not any("delete it" in words for words in says.values())


@pytest.mark.parametrize(("user", "password"), [("worker", "letmein"), ("nobody", PASSWORD)])
async def test_a_refused_login_names_the_setting_and_tells_no_password(
    server: EmbeddedRedis, administrator: aioredis.Redis, user: str, password: str
) -> None:
    await allow(administrator, RIGHTS.split())
    url = server.url.replace("://", f"://{user}:{password}@")
    async with connect(url, timeout_seconds=5, max_connections=1) as client:
        words = await said_by(lambda: RedisHeartbeats(client, "saving-alerts:workers:").workers())

    assert words is not None
    assert words.startswith("Redis refuses our login, look at the user and the password in SAVING_ALERTS_REDIS_URL")
    assert password not in words
