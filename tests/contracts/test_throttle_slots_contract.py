"""What `reserve` promises of events that were gathered for one slot, for the fake, for Valkey and for Redis 7."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from functools import cache

import msgspec
import pytest
import pytest_asyncio
from redis import asyncio as aioredis

from saving_alerts.adapters.redis_connection import connect
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.ports.throttle import AlreadySent, Busy, CapReached, Charged, Free, Granted, Known, Outbid, Throttle
from tests.contracts.throttle_harness import (
    DAILY,
    KEY_PREFIX,
    TWICE_A_DAY,
    FakeHarness,
    Harness,
    RealHarness,
    claim_of,
    ended,
    granted,
)
from tests.contracts.throttle_servers import SERVERS, NamedRedis, named

KEY = f"{KEY_PREFIX}u-1"
FIRST, SECOND, THIRD = (f"event-{offset}" for offset in (1, 2, 3))


@pytest.fixture(scope="module")
def servers() -> Iterator[Callable[[str], NamedRedis]]:
    """By name, each started when it is asked for first."""
    with ExitStack() as running:
        yield cache(lambda name: running.enter_context(named(name)))


@pytest_asyncio.fixture(params=SERVERS)
async def client(request: pytest.FixtureRequest, servers: Callable[[str], NamedRedis]) -> AsyncIterator[aioredis.Redis]:
    async with connect(servers(request.param).url, timeout_seconds=5, max_connections=4) as connected:
        await connected.flushall()
        yield connected


@pytest_asyncio.fixture(params=["fake", *SERVERS])
async def harness(request: pytest.FixtureRequest, servers: Callable[[str], NamedRedis]) -> AsyncIterator[Harness]:
    if request.param == "fake":
        yield FakeHarness()
        return
    async with connect(servers(request.param).url, timeout_seconds=5, max_connections=4) as connected:
        await connected.flushall()
        yield RealHarness(connected)


@pytest.fixture
def throttle(harness: Harness) -> Throttle:
    return harness.throttle()


CAPS = (TWICE_A_DAY,)


async def stored(client: aioredis.Redis, key: bytes | str) -> bytes:
    value = await client.get(key)
    assert isinstance(value, bytes)
    return value


@pytest.mark.asyncio
@pytest.mark.parametrize("uncertain", [False, True], ids=["sure", "uncertain"])
async def test_of_two_that_were_gathered_one_is_charged(throttle: Throttle, *, uncertain: bool) -> None:
    winner, other = claim_of(1, slot=(SECOND,)), claim_of(2, slot=(FIRST,))
    granted(await throttle.reserve(winner, CAPS))
    await throttle.confirm(winner, uncertain=uncertain)

    assert await throttle.reserve(other, CAPS) == Outbid(FIRST, winner.position)
    assert await throttle.look(other, CAPS) == Outbid(FIRST, winner.position)


@pytest.mark.asyncio
async def test_one_that_comes_again_alone_is_outbid_by_what_the_charge_says(throttle: Throttle) -> None:
    winner = claim_of(1, slot=(SECOND, THIRD))
    granted(await throttle.reserve(winner, CAPS))
    await throttle.confirm(winner, uncertain=False)

    assert isinstance(await throttle.reserve(claim_of(3), CAPS), Outbid)
    assert isinstance(await throttle.reserve(claim_of(4), CAPS), Granted)


@pytest.mark.asyncio
async def test_one_that_was_claimed_alone_outbids_who_is_gathered_with_it_later(harness: Harness) -> None:
    abandoned = claim_of(1, "a-dead-worker")
    await ended(harness, abandoned, CAPS)

    answer = await harness.throttle().reserve(claim_of(2, slot=(FIRST,)), CAPS)

    assert answer == Outbid(FIRST, abandoned.position)


@pytest.mark.asyncio
async def test_a_claim_that_is_taken_over_stands_for_who_is_gathered_now_too(harness: Harness) -> None:
    await ended(harness, claim_of(1, "a-dead-worker", slot=(SECOND,)), CAPS)
    again = claim_of(1, "worker-b", slot=(THIRD,))
    granted(await harness.throttle().reserve(again, CAPS))
    await harness.throttle().confirm(again, uncertain=False)

    answers = [await harness.throttle().reserve(claim_of(offset), CAPS) for offset in (2, 3)]

    assert answers == [Outbid(FIRST, again.position)] * 2


@pytest.mark.asyncio
async def test_while_the_claim_lives_the_others_wait_and_where_it_goes_back_the_next_has_the_slot(
    throttle: Throttle,
) -> None:
    winner, other = claim_of(1, slot=(SECOND,)), claim_of(2, slot=(FIRST,))
    until = granted(await throttle.reserve(winner, CAPS)).lease_until

    assert await throttle.reserve(other, CAPS) == Busy(until)
    assert await throttle.release(winner)
    assert await throttle.look(other, CAPS) == Free()
    assert isinstance(await throttle.reserve(other, CAPS), Granted)


@pytest.mark.asyncio
async def test_the_own_entry_comes_first(throttle: Throttle) -> None:
    """Both were pushed before they were gathered: each is told so."""
    for offset in (1, 2):
        await throttle.confirm(claim_of(offset), uncertain=False)

    assert await throttle.look(claim_of(2, slot=(FIRST,)), CAPS) == Known()
    assert isinstance(await throttle.reserve(claim_of(2, slot=(FIRST,)), CAPS), AlreadySent)


@pytest.mark.asyncio
async def test_one_that_is_charged_as_control_has_the_slot(throttle: Throttle) -> None:
    winner = claim_of(1, slot=(SECOND, THIRD))
    assert isinstance(await throttle.charge_control(winner, CAPS), Charged)

    outbid = Outbid(FIRST, winner.position)
    assert await throttle.reserve(claim_of(2, slot=(FIRST,)), CAPS) == outbid
    assert await throttle.reserve(claim_of(3), CAPS) == outbid
    assert await throttle.look(claim_of(3), CAPS) == outbid
    assert await throttle.charge_control(claim_of(3), CAPS) == outbid
    assert isinstance(await throttle.charge_control(claim_of(4), CAPS), Charged)


@pytest.mark.asyncio
async def test_one_that_was_outbid_is_not_charged_as_control(throttle: Throttle) -> None:
    winner = claim_of(1, slot=(SECOND,))
    granted(await throttle.reserve(winner, CAPS))
    await throttle.confirm(winner, uncertain=False)

    for other in (claim_of(2), claim_of(3, slot=(FIRST,))):
        assert await throttle.charge_control(other, CAPS) == Outbid(FIRST, winner.position)
        assert await throttle.look(other, CAPS) == Outbid(FIRST, winner.position)
    assert await throttle.charge_control(claim_of(2), (DAILY,)) == Outbid(FIRST, winner.position)
    assert isinstance(await throttle.reserve(claim_of(4), CAPS), Granted)  # one place is still free


@pytest.mark.asyncio
async def test_a_push_in_place_of_a_charge_as_control_has_the_slot_of_both(throttle: Throttle) -> None:
    await throttle.charge_control(claim_of(1, slot=(SECOND,)), CAPS)
    again = claim_of(1, "worker-b", slot=(THIRD,))
    await throttle.confirm(again, uncertain=True)

    answers = [await throttle.charge_control(claim_of(offset), CAPS) for offset in (2, 3)]

    assert answers == [Outbid(FIRST, again.position)] * 2


@pytest.mark.asyncio
async def test_while_a_claim_of_the_slot_lives_nobody_is_charged_as_control(throttle: Throttle) -> None:
    winner = claim_of(1, slot=(SECOND,))
    until = granted(await throttle.reserve(winner, CAPS)).lease_until

    assert await throttle.charge_control(claim_of(2, slot=(FIRST,)), CAPS) == Busy(until)


@pytest.mark.asyncio
async def test_an_erasure_keeps_the_slot_of_a_charge_as_control(throttle: Throttle) -> None:
    await throttle.charge_control(claim_of(1, slot=(SECOND,)), CAPS)

    assert await throttle.erase("u-1") is None

    assert await throttle.charge_control(claim_of(2), CAPS) == Outbid(None, None)
    assert await throttle.charge_control(claim_of(3, slot=(FIRST,)), CAPS) == Outbid(None, None)
    assert isinstance(await throttle.charge_control(claim_of(4), CAPS), Charged)
    assert isinstance(await throttle.charge_control(claim_of(5), CAPS), CapReached)


@pytest.mark.asyncio
async def test_an_erasure_keeps_who_was_outbid(throttle: Throttle) -> None:
    winner = claim_of(1, slot=(SECOND,))
    granted(await throttle.reserve(winner, CAPS))
    await throttle.confirm(winner, uncertain=False)

    assert await throttle.erase("u-1") is None

    assert await throttle.reserve(claim_of(2), CAPS) == Outbid(None, None)
    assert await throttle.reserve(claim_of(3, slot=(FIRST,)), CAPS) == Outbid(None, None)
    assert isinstance(await throttle.reserve(claim_of(4), CAPS), Granted)


@pytest.mark.asyncio
@pytest.mark.parametrize("is_sent", [False, True], ids=["claimed again", "sent"])
async def test_who_was_outbid_stays_so_however_often_the_user_is_erased(harness: Harness, *, is_sent: bool) -> None:
    throttle = harness.throttle()
    for number in (1, 2, 3):
        claim = claim_of(1, number=number, slot=(f"event-{1 + number}",))
        if is_sent and number > 1:
            await throttle.confirm(claim, uncertain=False)
        else:
            await ended(harness, claim, CAPS)
        assert await throttle.erase("u-1") is None

    answers = [await throttle.reserve(claim_of(offset), CAPS) for offset in ((2, 3) if is_sent else (2, 3, 4))]

    assert all(isinstance(answer, Outbid) for answer in answers)


@pytest.mark.asyncio
async def test_an_erased_slot_names_no_event(client: aioredis.Redis) -> None:
    throttle = RealHarness(client).throttle()
    await throttle.confirm(claim_of(1, slot=(SECOND,)), uncertain=False)

    await throttle.erase("u-1")

    values = [await stored(client, key) for key in await client.keys("*")]
    assert values
    assert not any(b"event-" in value for value in values)


@pytest.mark.asyncio
async def test_a_value_without_slots_is_as_it_was_before_there_were_any(client: aioredis.Redis) -> None:
    throttle = RealHarness(client).throttle()
    for call in (throttle.reserve(claim_of(1), CAPS), throttle.confirm(claim_of(2), uncertain=False)):
        await call

    entries = msgspec.json.decode(await stored(client, KEY))["entries"]

    assert not any("slot" in entry for entry in entries)


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["slot", "slot_tokens"])
@pytest.mark.parametrize("slot", ["event-2", [2], ["e"] * 33, {"a": "b"}], ids=["text", "number", "long", "names"])
async def test_a_slot_that_nobody_of_us_wrote_stops_its_user_alone(
    client: aioredis.Redis, slot: object, name: str
) -> None:
    throttle = RealHarness(client).throttle()
    await throttle.confirm(claim_of(1), uncertain=False)
    value = msgspec.json.decode(await stored(client, KEY))
    value["entries"][0][name] = slot
    await client.set(KEY, msgspec.json.encode(value))

    with pytest.raises(UnavailableError, match=KEY):
        await throttle.reserve(claim_of(2), CAPS)
    assert isinstance(await throttle.reserve(claim_of(2, user_id="u-2"), CAPS), Granted)
