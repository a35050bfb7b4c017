"""What is particular to claims in Redis: what is stored, and how Redis can fail."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import msgspec
import pytest
from redis import asyncio as aioredis
from redis import exceptions

from demo.servers.redis import EmbeddedRedis
from saving_alerts.adapters.redis_connection import connect, translated_errors
from saving_alerts.adapters.redis_throttle import RedisThrottle, ThrottlePolicy
from saving_alerts.domain import caps as domain_caps
from saving_alerts.domain.caps import Cap, CapPer, CountedSend
from saving_alerts.metrics import Metric
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.ports.throttle import AlreadySent, CapReached, Granted, Throttle
from tests.contracts.throttle_harness import DAILY, KEY_PREFIX, LEASE_SECONDS, claim_of
from tests.support.fakes.metrics import RecordingMetrics

SHORT_TIMEOUT_SECONDS = 0.05  # where no answer is to come
WEEK = timedelta(hours=168)
KEY = f"{KEY_PREFIX}u-1"
Call = Callable[[Throttle], Awaitable[object]]


class DroppedReply:
    """A way to Redis that lets the first script run and then breaks the connection in place of its answer."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self.scripts_run = 0

    @contextlib.asynccontextmanager
    async def url(self) -> AsyncIterator[str]:
        async with await asyncio.start_server(self._serve, "127.0.0.1", 0) as server:
            yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        redis_reader, redis_writer = await asyncio.open_connection(self._target.hostname, self._target.port)
        with contextlib.closing(writer), contextlib.closing(redis_writer):
            while request := await reader.read(65536):
                redis_writer.write(request)
                reply = await redis_reader.read(65536)
                self.scripts_run += b"EVALSHA" in request
                if b"EVALSHA" in request and self.scripts_run == 1:
                    return
                writer.write(reply)


@pytest.fixture
def own_redis() -> Iterator[EmbeddedRedis]:
    """For tests that do something to the server."""
    with EmbeddedRedis() as embedded:
        yield embedded


@pytest.fixture
def throttle(client: aioredis.Redis) -> RedisThrottle:
    return throttle_on(client)


def throttle_on(client: aioredis.Redis, metrics: RecordingMetrics | None = None) -> RedisThrottle:
    return RedisThrottle(client, ThrottlePolicy(LEASE_SECONDS, KEY_PREFIX), metrics or RecordingMetrics())


CLAIM = claim_of(1)
CALLS: dict[str, Call] = {
    "reserve": lambda throttle: throttle.reserve(CLAIM, (DAILY,)),
    "renew": lambda throttle: throttle.renew(CLAIM),
    "confirm": lambda throttle: throttle.confirm(CLAIM, uncertain=False),
    "release": lambda throttle: throttle.release(CLAIM),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())


# what is stored


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["reserve", "confirm", "release"])
async def test_a_users_key_lives_for_a_week_after_its_last_change(
    client: aioredis.Redis, throttle: RedisThrottle, name: str
) -> None:
    await throttle.release(claim_of(9, number=0))
    await client.pexpire(KEY, 60_000)

    await CALLS[name](throttle)

    lives = timedelta(milliseconds=await client.pttl(KEY))
    assert WEEK - timedelta(minutes=1) < lives <= WEEK + timedelta(seconds=LEASE_SECONDS)


@pytest.mark.asyncio
async def test_a_claim_is_remembered_for_a_week_after_its_last_moment(
    client: aioredis.Redis, throttle: RedisThrottle
) -> None:
    answer = await throttle.reserve(CLAIM, ())

    assert isinstance(answer, Granted)
    assert await client.pexpiretime(KEY) == milliseconds(answer.lease_until + WEEK)


@pytest.mark.asyncio
async def test_looking_changes_nothing(client: aioredis.Redis, throttle: RedisThrottle) -> None:
    await throttle.confirm(CLAIM, uncertain=False)
    before = await client.get(KEY), await client.pexpiretime(KEY)

    await throttle.reserve(claim_of(2), (DAILY,))
    await throttle.reserve(CLAIM, (DAILY,))
    await throttle.renew(CLAIM)

    assert (await client.get(KEY), await client.pexpiretime(KEY)) == before


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["reserve", "confirm", "release"])
async def test_a_call_that_is_sent_again_changes_nothing(
    client: aioredis.Redis, throttle: RedisThrottle, name: str
) -> None:
    await throttle.confirm(claim_of(9), uncertain=False)
    await throttle.reserve(CLAIM, ())
    await CALLS[name](throttle)
    before = await client.get(KEY)

    await CALLS[name](throttle)

    assert await client.get(KEY) == before


@pytest.mark.asyncio
async def test_a_grant_whose_answer_was_lost_is_the_same_grant_the_second_time(
    redis: EmbeddedRedis, throttle: RedisThrottle
) -> None:
    await throttle.reserve(claim_of(1, user_id="u-2"), ())  # now Redis knows the script
    proxy = DroppedReply(redis.url)
    async with proxy.url() as url, connect(url, timeout_seconds=5, max_connections=1) as behind_proxy:
        answer = await throttle_on(behind_proxy).reserve(CLAIM, (DAILY,))

    assert proxy.scripts_run == 2
    assert isinstance(answer, Granted)
    assert not answer.taken_over


@pytest.mark.asyncio
async def test_times_are_stored_as_whole_numbers(client: aioredis.Redis, throttle: RedisThrottle) -> None:
    await throttle.confirm(claim_of(2), uncertain=False)
    await throttle.reserve(CLAIM, ())

    entries = await stored_entries(client)

    times = [entry.get("sent_at") or entry.get("lease_until") for entry in entries]
    now = milliseconds(await now_of(client))
    assert all(isinstance(time, int) and abs(time - now) < 60_000 for time in times)
    assert len(times) == 2


@pytest.mark.asyncio
async def test_a_send_is_forgotten_after_a_week(client: aioredis.Redis, throttle: RedisThrottle) -> None:
    now = await now_of(client)
    await store(client, [(7, "m-1", now - WEEK), (8, "m-1", now - WEEK + timedelta(minutes=1))])

    await throttle.confirm(claim_of(9), uncertain=False)

    answers = [await throttle.reserve(claim_of(offset), (DAILY,)) for offset in (7, 8)]
    assert isinstance(answers[0], CapReached)
    assert isinstance(answers[1], AlreadySent)
    assert len(await stored_entries(client)) == 2


@pytest.mark.asyncio
@pytest.mark.parametrize("seed", range(100))
async def test_caps_block_as_the_domain_says(client: aioredis.Redis, throttle: RedisThrottle, seed: int) -> None:
    chance, now = random.Random(seed), await now_of(client)
    # Half hours against windows of whole hours: no send is near the edge of a window.
    ages = [timedelta(hours=chance.randrange(48) + 0.5) for _ in range(chance.randrange(6))]
    sends = [CountedSend(f"m-{chance.randrange(2)}", now - age) for age in ages]
    caps = tuple(Cap(chance.choice(list(CapPer)), chance.randint(1, 4), chance.randint(1, 60)) for _ in range(3))
    await store(client, [(100 + index, send.merchant_id, send.sent_at) for index, send in enumerate(sends)])

    answer = await throttle.reserve(CLAIM, caps)

    expected = domain_caps.blocking_cap(caps, sends, CLAIM.merchant_id, now)
    if expected is None:
        assert isinstance(answer, Granted)
    else:
        assert answer == CapReached(expected.cap, expected.until)


@pytest.mark.asyncio
async def test_a_release_is_forgotten_after_an_hour(client: aioredis.Redis, throttle: RedisThrottle) -> None:
    released_at = milliseconds(await now_of(client) - timedelta(hours=1))
    token = {"position": str(CLAIM.position), "incarnation": CLAIM.incarnation, "number": str(CLAIM.number)}
    await client.set(KEY, msgspec.json.encode({"entries": [], "released": [{**token, "at": released_at}]}))

    assert isinstance(await throttle.reserve(CLAIM, (DAILY,)), Granted)


# what was lost


@pytest.mark.asyncio
async def test_scripts_come_back_when_redis_has_forgotten_them(client: aioredis.Redis, throttle: RedisThrottle) -> None:
    await throttle.reserve(CLAIM, ())
    await client.script_flush()

    assert await throttle.renew(CLAIM) is not None


@pytest.mark.asyncio
async def test_after_a_flush_the_user_is_free(client: aioredis.Redis, throttle: RedisThrottle) -> None:
    await throttle.confirm(CLAIM, uncertain=False)
    await client.flushall()

    assert isinstance(await throttle.reserve(claim_of(2), (DAILY,)), Granted)


@pytest.mark.asyncio
async def test_an_empty_redis_at_the_same_address_is_used_at_once(own_redis: EmbeddedRedis) -> None:
    async with connect(own_redis.url, timeout_seconds=5, max_connections=2) as client:
        throttle = throttle_on(client)
        await throttle.confirm(CLAIM, uncertain=False)
        own_redis.restart()

        answer = await throttle.reserve(claim_of(2), (DAILY,))

    assert isinstance(answer, Granted)


# what is unreadable

GARBAGE: dict[str, bytes] = {
    "empty": b"",
    "no JSON": b"\xff\x00 {",
    "a number": b"17",
    "null": b"null",
    "an empty object": b"{}",
    "entries by name": (
        b'{"entries":{"a":{"position":"t/0/1","sent_at":1,"event_id":"e","merchant_id":"m"}},"released":{}}'
    ),
    "null for an entry": b'{"entries":[null],"released":{}}',
    "a send without its position": b'{"entries":[{"sent_at":1,"event_id":"e","merchant_id":"m"}],"released":{}}',
    "a claim without its token": (
        b'{"entries":[{"position":"t/0/1","lease_until":1,"event_id":"e","merchant_id":"m"}],"released":{}}'
    ),
    "a time as text": (
        b'{"entries":[{"position":"t/0/1","sent_at":"1","event_id":"e","merchant_id":"m"}],"released":{}}'
    ),
    "a send in a million years": (
        b'{"entries":[{"position":"t/0/1","sent_at":3e16,"event_id":"e","merchant_id":"m"}],"released":{}}'
    ),
    "a claim without an end": (
        b'{"entries":[{"position":"t/0/1","lease_until":1e300,"event_id":"e","merchant_id":"m","incarnation":"a",'
        b'"number":"1"}],"released":{}}'
    ),
    "a release without a time": b'{"entries":{},"released":[{"position":"t/0/1","incarnation":"a","number":"1"}]}',
}


@pytest.mark.asyncio
@every_call
@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE.keys())
async def test_an_unreadable_user_is_never_granted_and_never_overwritten(
    client: aioredis.Redis, throttle: RedisThrottle, garbage: bytes, call: Call
) -> None:
    await client.set(KEY, garbage)

    with pytest.raises(UnavailableError, match=KEY):
        await call(throttle)

    assert await client.get(KEY) == garbage


@pytest.mark.asyncio
@every_call
async def test_a_key_of_another_type_is_unreadable(client: aioredis.Redis, throttle: RedisThrottle, call: Call) -> None:
    await client.lpush(KEY, "x")

    with pytest.raises(UnavailableError, match=KEY):
        await call(throttle)


@pytest.mark.asyncio
async def test_an_unreadable_user_is_free_when_the_key_is_deleted(
    client: aioredis.Redis, throttle: RedisThrottle
) -> None:
    await client.set(KEY, "garbage")
    await client.delete(KEY)

    assert isinstance(await throttle.reserve(CLAIM, (DAILY,)), Granted)


# how Redis fails


@pytest.mark.asyncio
@every_call
async def test_a_stopped_redis_is_unavailable(own_redis: EmbeddedRedis, call: Call) -> None:
    own_redis.stop()
    async with connect(own_redis.url, timeout_seconds=5, max_connections=1) as client:
        with pytest.raises(UnavailableError, match="cannot be reached"):
            await call(throttle_on(client))


@pytest.mark.asyncio
@every_call
async def test_a_paused_redis_is_unavailable(own_redis: EmbeddedRedis, call: Call) -> None:
    async with connect(own_redis.url, SHORT_TIMEOUT_SECONDS, max_connections=1) as client:
        own_redis.pause()
        with pytest.raises(UnavailableError, match="does not answer in time"):
            await call(throttle_on(client))


@pytest.mark.asyncio
async def test_a_redis_that_goes_on_is_used_again(own_redis: EmbeddedRedis) -> None:
    async with connect(own_redis.url, timeout_seconds=0.5, max_connections=1) as client:
        throttle = throttle_on(client)
        own_redis.pause()
        with pytest.raises(UnavailableError):
            await throttle.reserve(CLAIM, (DAILY,))
        own_redis.resume()

        answer = await throttle.reserve(CLAIM, (DAILY,))

    assert isinstance(answer, Granted)
    assert not answer.taken_over


@pytest.mark.asyncio
async def test_an_exhausted_pool_is_unavailable(own_redis: EmbeddedRedis) -> None:
    async with connect(own_redis.url, SHORT_TIMEOUT_SECONDS, max_connections=1) as client:
        throttle = throttle_on(client)
        own_redis.pause()
        claims = [claim_of(offset, user_id=f"u-{offset}") for offset in range(20)]

        answers = await asyncio.gather(*(throttle.reserve(claim, ()) for claim in claims), return_exceptions=True)

    assert {type(answer) for answer in answers} == {UnavailableError}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("ill", "says"),
    [
        (("CONFIG", "SET", "maxmemory", "1"), "is out of memory"),
        (("REPLICAOF", "127.0.0.1", "1"), "is a read-only replica"),
        (("ACL", "SETUSER", "default", "-evalsha"), "refuses our user this command"),
        (("CONFIG", "SET", "requirepass", "secret"), "refuses our login"),
    ],
    ids=["out of memory", "replica", "no permission", "password"],
)
async def test_an_ill_redis_is_unavailable_and_says_how(
    own_redis: EmbeddedRedis, ill: tuple[str, ...], says: str
) -> None:
    async with connect(own_redis.url, timeout_seconds=5, max_connections=1) as client:
        await client.execute_command(*ill)  # type: ignore[no-untyped-call] # as redis-py has it
    async with connect(own_redis.url, timeout_seconds=5, max_connections=1) as client:
        with pytest.raises(UnavailableError, match=says):
            await throttle_on(client).reserve(CLAIM, (DAILY,))


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (exceptions.BusyLoadingError("LOADING"), "is still loading its data"),
        (exceptions.MaxConnectionsError("Too many connections"), "has no free connection in our pool"),
        (exceptions.ResponseError("ERR unknown"), "refuses the command"),
        (exceptions.MovedError("3999 127.0.0.1:6381"), "is a node of a Cluster, which is not supported"),
        (exceptions.AskError("3999 127.0.0.1:6381"), "is a node of a Cluster, which is not supported"),
        (exceptions.ClusterCrossSlotError("Keys"), "is a node of a Cluster, which is not supported"),
        (exceptions.ClusterDownError("CLUSTERDOWN"), "is a node of a Cluster, which is not supported"),
        (exceptions.MasterDownError("MASTERDOWN"), "refuses the command"),
        (exceptions.InvalidResponse("?"), "cannot be understood"),
        (ConnectionResetError("reset"), "cannot be reached"),
    ],
    ids=[
        "loading",
        "connections",
        "response",
        "moved",
        "ask",
        "slots",
        "cluster down",
        "master down",
        "protocol",
        "socket",
    ],
)
def test_every_error_becomes_unavailable_from_the_original(error: Exception, says: str) -> None:
    with pytest.raises(UnavailableError, match=says) as raised, translated_errors():
        raise error

    assert raised.value.__cause__ is error


def test_an_error_that_is_not_of_redis_stays_what_it_is() -> None:
    with pytest.raises(KeyError), translated_errors():
        raise KeyError("ours")


# what is measured


@pytest.mark.asyncio
async def test_every_call_is_counted_with_its_outcome_and_timed(client: aioredis.Redis) -> None:
    metrics = RecordingMetrics()
    throttle = throttle_on(client, metrics)

    for call in CALLS.values():
        await call(throttle)

    assert metrics.tags(Metric.REDIS_CALLS, "call") == list(CALLS)
    assert metrics.tags(Metric.REDIS_CALLS, "outcome") == ["granted", "renewed", "recorded", "charged"]
    assert metrics.tags(Metric.REDIS_DURATION, "call") == list(CALLS)


@pytest.mark.asyncio
@pytest.mark.parametrize("outcome", ["unavailable", "unreadable"])
async def test_a_failed_call_is_counted_too(own_redis: EmbeddedRedis, outcome: str) -> None:
    metrics = RecordingMetrics()
    async with connect(own_redis.url, timeout_seconds=5, max_connections=1) as client:
        await client.set(KEY, "garbage")
        if outcome == "unavailable":
            own_redis.stop()

        with pytest.raises(UnavailableError):
            await throttle_on(client, metrics).renew(CLAIM)

    assert metrics.total(Metric.REDIS_CALLS, call="renew", outcome=outcome) == 1


def milliseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


async def now_of(client: aioredis.Redis) -> datetime:
    """What Redis' clock says, in whole milliseconds, as the scripts see it."""
    seconds, microseconds = await client.time()
    return datetime.fromtimestamp(seconds, UTC) + timedelta(milliseconds=microseconds // 1000)


async def stored_entries(client: aioredis.Redis) -> list[dict[str, object]]:
    raw = await client.get(KEY)
    assert isinstance(raw, bytes)
    user = msgspec.json.decode(raw, type=dict[str, list[dict[str, object]] | dict[str, object]])
    assert isinstance(user["entries"], list)
    return user["entries"]


async def store(client: aioredis.Redis, sends: list[tuple[int, str, datetime]]) -> None:
    """Write sends as the scripts do: offset, merchant, time."""
    entries = [
        {
            "position": str(claim_of(offset).position),
            "event_id": f"event-{offset}",
            "merchant_id": merchant_id,
            "sent_at": milliseconds(sent_at),
            "uncertain": False,
        }
        for offset, merchant_id, sent_at in sends
    ]
    await client.set(KEY, msgspec.json.encode({"entries": entries, "released": []}))
