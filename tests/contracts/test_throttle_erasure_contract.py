"""What `erase` promises, for the fake, for Valkey and for Redis 7: every call answers as if nobody had been erased."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from functools import cache

import pytest
import pytest_asyncio
from redis import asyncio as aioredis

from saving_alerts.adapters.redis_connection import connect
from saving_alerts.adapters.redis_throttle import RedisThrottle, ThrottlePolicy
from saving_alerts.domain.erasures import EventAt
from saving_alerts.domain.push_sends import PushSend
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.ports.throttle import AlreadySent, CapReached, DuplicateOf, Known, Outnumbered, Throttle
from tests.contracts.throttle_harness import (
    BRIEF_LEASE_SECONDS,
    DAILY,
    DAILY_PER_MERCHANT,
    KEY_PREFIX,
    LEASE_SECONDS,
    TOKENS,
    TWICE_A_DAY,
    FakeHarness,
    Harness,
    RealHarness,
    claim_of,
    ended,
    granted,
    sent_at,
)
from tests.contracts.throttle_servers import SERVERS, NamedRedis, named
from tests.support.fakes.metrics import RecordingMetrics

KEY = f"{KEY_PREFIX}u-1"


@pytest.fixture(scope="module")
def servers() -> Iterator[Callable[[str], NamedRedis]]:
    """By name, each started when it is asked for first."""
    with ExitStack() as running:
        yield cache(lambda name: running.enter_context(named(name)))


@asynccontextmanager
async def emptied(server: NamedRedis) -> AsyncIterator[aioredis.Redis]:
    async with connect(server.url, timeout_seconds=5, max_connections=4) as connected:
        await connected.flushall()
        yield connected


@pytest_asyncio.fixture(params=SERVERS)
async def client(request: pytest.FixtureRequest, servers: Callable[[str], NamedRedis]) -> AsyncIterator[aioredis.Redis]:
    async with emptied(servers(request.param)) as connected:
        yield connected


@pytest_asyncio.fixture(params=["fake", *SERVERS])
async def harness(request: pytest.FixtureRequest, servers: Callable[[str], NamedRedis]) -> AsyncIterator[Harness]:
    if request.param == "fake":
        yield FakeHarness()
        return
    async with emptied(servers(request.param)) as connected:
        yield RealHarness(connected)


@pytest.fixture
def throttle(harness: Harness) -> Throttle:
    return harness.throttle()


@pytest.mark.asyncio
async def test_a_user_of_whom_nothing_is_known_is_erased_at_once(throttle: Throttle) -> None:
    assert await throttle.erase("u-1") is None


@pytest.mark.asyncio
async def test_the_cap_of_one_who_was_erased_holds(throttle: Throttle) -> None:
    await throttle.confirm(claim_of(1), uncertain=False)
    before = await throttle.reserve(claim_of(2), (DAILY,))

    assert await throttle.erase("u-1") is None

    assert isinstance(before, CapReached)
    assert await throttle.reserve(claim_of(2), (DAILY,)) == before
    assert await throttle.look(claim_of(2), (DAILY,)) == before


@pytest.mark.asyncio
async def test_so_does_a_cap_of_one_merchant(throttle: Throttle) -> None:
    await throttle.confirm(claim_of(1, merchant_id="m-1"), uncertain=False)
    await throttle.erase("u-1")

    same = await throttle.reserve(claim_of(2, merchant_id="m-1"), (DAILY_PER_MERCHANT,))
    granted(await throttle.reserve(claim_of(3, merchant_id="m-2"), (DAILY_PER_MERCHANT,)))

    assert isinstance(same, CapReached)


@pytest.mark.asyncio
async def test_what_was_sent_before_and_after_counts_together(throttle: Throttle) -> None:
    await throttle.confirm(claim_of(1), uncertain=False)
    await throttle.erase("u-1")
    await throttle.confirm(claim_of(2), uncertain=False)
    await throttle.erase("u-1")

    third = await throttle.reserve(claim_of(3), (TWICE_A_DAY,))

    assert isinstance(third, CapReached)
    assert third.cap == TWICE_A_DAY


@pytest.mark.asyncio
async def test_the_event_itself_hears_that_it_was_sent(throttle: Throttle) -> None:
    await throttle.confirm(claim_of(1), uncertain=True)
    at = await sent_at(throttle, claim_of(1))
    await throttle.erase("u-1")

    assert await throttle.look(claim_of(1), ()) == Known()
    assert await throttle.reserve(claim_of(1), ()) == AlreadySent(at, uncertain=True)


@pytest.mark.asyncio
async def test_the_same_event_at_another_position_is_a_duplicate_of_nobody_knows_what(throttle: Throttle) -> None:
    await throttle.confirm(claim_of(1, event_id="event-1"), uncertain=False)
    await throttle.erase("u-1")

    assert await throttle.reserve(claim_of(2, event_id="event-1"), ()) == DuplicateOf(None)


@pytest.mark.asyncio
async def test_a_user_whose_claim_lives_is_not_erased(throttle: Throttle) -> None:
    claim = claim_of(1)
    lease_until = granted(await throttle.reserve(claim, (DAILY,))).lease_until

    assert await throttle.erase("u-1") == lease_until

    assert await throttle.renew(claim) is not None
    assert await throttle.release(claim)


@pytest.mark.asyncio
async def test_an_ended_claim_stays_a_charge_and_its_own_position_takes_it_over(harness: Harness) -> None:
    throttle = harness.throttle()
    await ended(harness, claim_of(1))
    await throttle.erase("u-1")

    other = await throttle.reserve(claim_of(2), (DAILY,))
    own = granted(await throttle.reserve(claim_of(1, "worker-b"), (DAILY,)))

    assert isinstance(other, CapReached)
    assert own.taken_over


@pytest.mark.asyncio
async def test_an_ended_claim_is_not_given_back_after_all(harness: Harness) -> None:
    claim = claim_of(1)
    await ended(harness, claim)
    await harness.throttle().erase("u-1")

    assert not await harness.throttle().release(claim)
    assert await harness.throttle().renew(claim) is None


@pytest.mark.asyncio
async def test_a_send_takes_the_place_of_the_claim_that_was_erased(harness: Harness) -> None:
    throttle = harness.throttle(BRIEF_LEASE_SECONDS)
    claim = claim_of(1)
    await ended(harness, claim)
    await throttle.erase("u-1")
    await throttle.confirm(claim, uncertain=False)

    granted(await throttle.reserve(claim_of(2), (TWICE_A_DAY,)))


@pytest.mark.asyncio
async def test_what_was_released_stays_released(throttle: Throttle) -> None:
    claim = claim_of(1, number=5)
    granted(await throttle.reserve(claim, (DAILY,)))
    await throttle.release(claim)
    await throttle.erase("u-1")

    assert await throttle.reserve(claim, (DAILY,)) == Outnumbered()
    assert await throttle.reserve(claim_of(2, number=4), (DAILY,)) == Outnumbered()
    granted(await throttle.reserve(claim_of(2, number=6), (DAILY,)))


@pytest.mark.asyncio
async def test_nothing_that_redis_keeps_names_the_user_or_the_event(client: aioredis.Redis) -> None:
    throttle = RealHarness(client).throttle()
    await throttle.confirm(claim_of(1, user_id="user-to-forget", merchant_id="m-secret"), uncertain=False)
    given_back = claim_of(2, user_id="user-to-forget")
    granted(await throttle.reserve(given_back, ()))
    await throttle.release(given_back)

    await throttle.erase("user-to-forget")

    (key,) = await client.keys("*")
    stored = f"{key!r}: {await client.get(key)!r}"
    assert f"{KEY_PREFIX}erased:{TOKENS.of_user('user-to-forget')}" in stored
    for text in ("user-to-forget", "event-1", "m-secret", "saving-events", "under_token"):
        assert text not in stored


@pytest.mark.asyncio
@pytest.mark.parametrize("uncertain", [True, False])
async def test_what_a_refill_brought_back_meanwhile_counts_once(client: aioredis.Redis, uncertain: bool) -> None:  # noqa: FBT001 - a parameter
    throttle = RealHarness(client).throttle()
    await throttle.confirm(claim_of(1), uncertain=uncertain)
    in_the_clear = await client.get(KEY)
    await throttle.erase("u-1")
    assert in_the_clear is not None
    await client.set(KEY, in_the_clear)

    await throttle.erase("u-1")

    granted(await throttle.reserve(claim_of(2), (TWICE_A_DAY,)))
    assert isinstance(await throttle.reserve(claim_of(1), ()), AlreadySent)


@pytest.mark.asyncio
async def test_what_is_kept_expires_with_the_charge(client: aioredis.Redis) -> None:
    throttle = RealHarness(client).throttle()
    await throttle.confirm(claim_of(1), uncertain=False)
    await throttle.erase("u-1")

    (key,) = await client.keys("*")

    assert 0 < await client.pttl(key) <= 168 * 3600 * 1000


@pytest.mark.asyncio
async def test_a_key_that_nobody_can_read_is_named_and_stays(client: aioredis.Redis) -> None:
    await client.set(KEY, b"something else")

    with pytest.raises(UnavailableError, match=KEY):
        await RealHarness(client).throttle().erase("u-1")

    assert await client.get(KEY) == b"something else"


@pytest.mark.asyncio
async def test_a_key_under_a_token_that_nobody_can_read_is_named_and_grants_nothing(client: aioredis.Redis) -> None:
    key = f"{KEY_PREFIX}erased:{TOKENS.of_user('u-1')}"
    await client.set(key, b'{"entries": 1}')

    with pytest.raises(UnavailableError, match=key):
        await RealHarness(client).throttle().reserve(claim_of(1), ())


@pytest.mark.asyncio
async def test_without_a_secret_nobody_is_erased(client: aioredis.Redis) -> None:
    without = RedisThrottle(client, ThrottlePolicy(LEASE_SECONDS, KEY_PREFIX), RecordingMetrics())
    await without.confirm(claim_of(1), uncertain=False)

    with pytest.raises(UnavailableError, match="secret"):
        await without.erase("u-1")

    assert await client.exists(KEY)


@pytest.mark.asyncio
async def test_an_emptied_redis_learns_again_what_was_charged_to_one_who_was_erased(client: aioredis.Redis) -> None:
    throttle = RedisThrottle(client, ThrottlePolicy(LEASE_SECONDS, KEY_PREFIX, TOKENS), RecordingMetrics())
    await throttle.confirm(claim_of(1), uncertain=False)
    at = await sent_at(throttle, claim_of(1))
    await client.flushall()
    claim = claim_of(1)
    event = TOKENS.of_event("u-1", EventAt(claim.position, claim.event_id, claim.merchant_id))

    send = PushSend(merchant_id="", sent_at=at, position=claim.position, event_id="")
    added = [await throttle.refill_erased(TOKENS.of_user("u-1"), event, send) for _ in range(2)]

    assert added == [True, False]
    assert await throttle.reserve(claim_of(1), (DAILY,)) == AlreadySent(at)
    assert isinstance(await throttle.reserve(claim_of(2), (DAILY,)), CapReached)


@pytest.mark.asyncio
async def test_an_emptied_redis_learns_again_what_was_charged_as_control(client: aioredis.Redis) -> None:
    throttle = RedisThrottle(client, ThrottlePolicy(LEASE_SECONDS, KEY_PREFIX, TOKENS), RecordingMetrics())
    claim, at = claim_of(1), await RealHarness(client).now()
    send = PushSend(merchant_id="m-1", sent_at=at, position=claim.position, event_id=claim.event_id, control=True)

    assert await throttle.refill(claim, send)

    answer = await throttle.reserve(claim_of(1), (DAILY,))
    assert isinstance(answer, AlreadySent)
    assert answer.control


@pytest.mark.asyncio
@pytest.mark.parametrize("uncertain", [True, False])
async def test_a_push_that_stands_under_the_token_is_not_told_as_control(
    client: aioredis.Redis,
    uncertain: bool,  # noqa: FBT001 - a parameter
) -> None:
    throttle = RealHarness(client).throttle()
    await throttle.charge_control(claim_of(1), ())
    as_control = await client.get(KEY)
    assert as_control is not None
    await throttle.confirm(claim_of(1), uncertain=uncertain)
    await throttle.erase("u-1")
    await client.set(KEY, as_control)

    await throttle.erase("u-1")

    answer = await throttle.reserve(claim_of(1), ())
    assert isinstance(answer, AlreadySent)
    assert (answer.uncertain, answer.control) == (uncertain, False)
