"""What `reserve` promises of budgets of a day, for the fake, for Valkey and for Redis 7."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from itertools import count

import msgspec
import pytest
import pytest_asyncio
from redis import asyncio as aioredis

from saving_alerts.adapters.redis_connection import connect
from saving_alerts.domain.budgets import MILLISECOND, BudgetDay, in_milliseconds, released
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.ports.throttle import AlreadySent, BudgetSpent, CapReached, Charged, Claim, Free, Granted, OtherDay
from tests.contracts.throttle_harness import (
    BRIEF_LEASE_SECONDS,
    DAILY,
    KEY_PREFIX,
    FakeHarness,
    Harness,
    RealHarness,
    claim_of,
    ended,
    granted,
)
from tests.contracts.throttle_servers import SERVERS, NamedRedis, named

HOUR = timedelta(hours=1)
BRIEF_DAY = timedelta(seconds=2)  # two calls are made in it, and then its end is waited for
_users = count(1)


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


@dataclass(frozen=True)
class Shop:
    """Claims that count for a budget on one harness, each of a user of its own."""

    harness: Harness

    async def day(
        self, pushes: int, *, begins: timedelta = timedelta(0), out: bool = True, name: str = "merchant:m-1"
    ) -> BudgetDay:
        """A day that begins so long from now. Of what is `out` already all is: it was open before."""
        at = await self.harness.now() + begins
        spans = ((at, at + MILLISECOND),) if out else ((at, at + 12 * HOUR),)
        return BudgetDay(name, pushes, at, at + 24 * HOUR, spans)

    async def known(self) -> "Shop":
        """The store knows of budgets before the day begins."""
        await self.harness.throttle().check()
        await self.harness.wait_until(await self.harness.now() + 2 * MILLISECOND)
        return self

    def claim(self, *days: BudgetDay) -> Claim:
        number = next(_users)
        return msgspec.structs.replace(claim_of(number, user_id=f"u-{number}"), budgets=days)

    async def reserve(self, *days: BudgetDay) -> object:
        return await self.harness.throttle().reserve(self.claim(*days), ())


async def shop_of(harness: Harness) -> Shop:
    return await Shop(harness).known()


async def out_of(harness: Harness, day: BudgetDay) -> BudgetDay:
    await harness.wait_until(day.begins + 2 * MILLISECOND)
    return day


@pytest.mark.asyncio
async def test_no_more_than_the_budget_is_granted_whoever_asks(harness: Harness) -> None:
    shop = await shop_of(harness)
    day = await out_of(harness, await shop.day(3))

    answers = [await shop.reserve(day) for _ in range(5)]

    assert [type(each) for each in answers] == [Granted] * 3 + [BudgetSpent] * 2
    assert answers[-1] == BudgetSpent(day, 3)
    assert await harness.throttle().look(shop.claim(day), ()) == BudgetSpent(day, 3)
    assert await harness.throttle().look(shop.claim(), ()) == Free()


@pytest.mark.asyncio
async def test_many_workers_at_once_are_never_above(harness: Harness) -> None:
    shop, workers = await shop_of(harness), [harness.throttle() for _ in range(12)]
    day = await out_of(harness, await shop.day(37))

    answers = await asyncio.gather(*(worker.reserve(shop.claim(day), ()) for _ in range(10) for worker in workers))

    assert [type(each) for each in answers].count(Granted) == 37
    assert BudgetSpent(day, 37) in answers


@pytest.mark.asyncio
async def test_what_is_not_out_yet_is_not_granted(harness: Harness) -> None:
    shop = await shop_of(harness)
    day = await out_of(harness, await shop.day(24, out=False))

    answers = [await shop.reserve(day) for _ in range(4)]

    assert [type(each) for each in answers] == [Granted] * 3 + [BudgetSpent]
    assert released(day, await harness.now()) == 3


@pytest.mark.asyncio
async def test_every_budget_of_a_push_has_to_have_a_part(harness: Harness) -> None:
    shop = await shop_of(harness)
    of_merchant, of_rule = await shop.day(5), await shop.day(1, name="rule:coffee")
    await out_of(harness, of_rule)

    answers = [await shop.reserve(of_merchant, of_rule) for _ in range(3)]

    assert [type(each) for each in answers] == [Granted, BudgetSpent, BudgetSpent]
    assert answers[-1] == BudgetSpent(of_rule, 1)
    assert [type(await shop.reserve(of_merchant)) for _ in range(5)] == [Granted] * 4 + [BudgetSpent]


@pytest.mark.asyncio
async def test_what_is_released_can_be_taken_again_once(harness: Harness) -> None:
    shop, throttle = await shop_of(harness), harness.throttle()
    day = await out_of(harness, await shop.day(1))
    claim = shop.claim(day)
    granted(await throttle.reserve(claim, ()))
    assert [await throttle.release(claim) for _ in range(2)] == [True, True]

    assert [type(await shop.reserve(day)) for _ in range(2)] == [Granted, BudgetSpent]


@pytest.mark.asyncio
async def test_a_release_of_what_was_not_granted_gives_nothing_back(harness: Harness) -> None:
    shop, throttle = await shop_of(harness), harness.throttle()
    day = await out_of(harness, await shop.day(1))
    granted(await throttle.reserve(shop.claim(day), ()))

    assert await throttle.release(shop.claim(day))

    assert isinstance(await shop.reserve(day), BudgetSpent)


@pytest.mark.asyncio
@pytest.mark.parametrize("uncertain", [False, True], ids=["sure", "uncertain"])
async def test_a_send_keeps_its_part(harness: Harness, *, uncertain: bool) -> None:
    shop, throttle = await shop_of(harness), harness.throttle()
    day = await out_of(harness, await shop.day(1))
    claim = shop.claim(day)
    granted(await throttle.reserve(claim, ()))
    granted(await throttle.reserve(claim, ()))  # the driver repeats a call
    await throttle.confirm(claim, uncertain=uncertain)

    assert not await throttle.release(claim)
    assert isinstance(await throttle.reserve(claim, ()), AlreadySent)
    assert isinstance(await shop.reserve(day), BudgetSpent)


@pytest.mark.asyncio
async def test_a_claim_that_ended_keeps_its_part_and_is_taken_over_with_it(harness: Harness) -> None:
    shop = await shop_of(harness)
    day = await out_of(harness, await shop.day(1))
    abandoned = shop.claim(day)
    await ended(harness, abandoned)
    again = msgspec.structs.replace(abandoned, incarnation="worker-b", number=1)

    assert isinstance(await shop.reserve(day), BudgetSpent)
    assert granted(await harness.throttle().reserve(again, ())).taken_over
    assert not await harness.throttle().release(again)
    assert isinstance(await shop.reserve(day), BudgetSpent)


@pytest.mark.asyncio
async def test_what_a_cap_refuses_takes_nothing(harness: Harness) -> None:
    shop, throttle = await shop_of(harness), harness.throttle()
    day = await out_of(harness, await shop.day(2))
    await throttle.confirm(claim_of(900, user_id="capped"), uncertain=False)
    capped = msgspec.structs.replace(claim_of(901, user_id="capped"), budgets=(day,))

    assert isinstance(await throttle.reserve(capped, (DAILY,)), CapReached)
    assert [type(await shop.reserve(day)) for _ in range(3)] == [Granted, Granted, BudgetSpent]


@pytest.mark.asyncio
async def test_a_charge_as_control_takes_nothing_and_is_refused_where_a_push_would_be(harness: Harness) -> None:
    shop, throttle = await shop_of(harness), harness.throttle()
    day = await out_of(harness, await shop.day(1))

    assert isinstance(await throttle.charge_control(shop.claim(day), ()), Charged)
    assert isinstance(await shop.reserve(day), Granted)
    assert await throttle.charge_control(shop.claim(day), ()) == BudgetSpent(day, 1)


@pytest.mark.asyncio
@pytest.mark.parametrize("hours", [-25, 1], ids=["yesterday", "tomorrow"])
async def test_the_day_is_told_by_the_clock_of_the_store(harness: Harness, hours: int) -> None:
    shop = await shop_of(harness)
    day = await shop.day(1, begins=timedelta(hours=hours))

    assert await shop.reserve(day) == OtherDay()
    assert await harness.throttle().look(shop.claim(day), ()) == OtherDay()


@pytest.mark.asyncio
async def test_a_new_day_has_a_new_budget_and_what_comes_back_late_is_not_of_it(harness: Harness) -> None:
    shop, throttle = await shop_of(harness), harness.throttle()
    begins = (await shop.day(2)).begins
    today = BudgetDay("merchant:m-1", 2, begins, begins + BRIEF_DAY, ((begins, begins + MILLISECOND),))
    await out_of(harness, today)
    late = shop.claim(today)
    granted(await throttle.reserve(late, ()))
    granted(await throttle.reserve(shop.claim(today), ()))
    await harness.wait_until(today.ends + 2 * MILLISECOND)
    ends = today.ends
    tomorrow = BudgetDay("merchant:m-1", 2, ends, ends + 24 * HOUR, ((ends, ends + MILLISECOND),))
    granted(await throttle.reserve(shop.claim(tomorrow), ()))

    assert await throttle.release(late)

    assert await shop.reserve(today) == OtherDay()
    assert [type(await shop.reserve(tomorrow)) for _ in range(2)] == [Granted, BudgetSpent]


@pytest.mark.asyncio
async def test_where_everything_was_lost_what_was_out_counts_as_taken(harness: Harness) -> None:
    shop = await shop_of(harness)
    now = await harness.now()
    opened = now - 6.2 * HOUR
    day = BudgetDay("merchant:m-1", 24, opened, opened + 24 * HOUR, ((opened, opened + 12 * HOUR),))

    first = await shop.reserve(day)
    await harness.flush()
    second = await shop.reserve(day)

    assert first == BudgetSpent(day, 15)
    assert second == BudgetSpent(day, 15)


@pytest.mark.asyncio
async def test_a_lower_budget_stops_and_a_higher_one_goes_on_from_what_was_taken(harness: Harness) -> None:
    shop = await shop_of(harness)
    day = await out_of(harness, await shop.day(3))
    assert [type(await shop.reserve(day)) for _ in range(2)] == [Granted] * 2
    lower, higher = (msgspec.structs.replace(day, pushes=pushes) for pushes in (1, 4))

    assert await shop.reserve(lower) == BudgetSpent(lower, 2)
    assert [type(await shop.reserve(higher)) for _ in range(3)] == [Granted, Granted, BudgetSpent]


@pytest.mark.asyncio
async def test_a_day_that_was_moved_to_another_zone_is_the_same_day(harness: Harness) -> None:
    shop = await shop_of(harness)
    day = await out_of(harness, await shop.day(1))
    granted(await harness.throttle().reserve(shop.claim(day), ()))
    moved = msgspec.structs.replace(day, begins=day.begins - 5 * HOUR, ends=day.ends - 5 * HOUR)

    assert await shop.reserve(moved) == BudgetSpent(moved, 1)


async def taken(client: aioredis.Redis, name: str = "merchant:m-1") -> dict[str, int]:
    raw = await client.get(f"{KEY_PREFIX}%budget:{name}")
    assert isinstance(raw, bytes)
    return msgspec.json.decode(raw, type=dict[str, int])


@pytest.mark.asyncio
async def test_another_server_in_its_place_may_lack_what_was_taken_last(client: aioredis.Redis) -> None:
    """It is known by its run id. What it knows beyond what was out counts, and it goes on from there."""
    shop = await shop_of(RealHarness(client))
    now = await shop.harness.now()
    await shop.harness.wait_until(now + 5 * MILLISECOND)
    day = BudgetDay("merchant:m-1", 24, now, now + 24 * HOUR, ((now, now + 12 * HOUR),))
    assert isinstance(await shop.reserve(day), Granted)
    await client.set(f"{KEY_PREFIX}%budgets", b'{"run": "another", "since": 1}')

    answer = await shop.reserve(day)

    assert answer == BudgetSpent(day, released(day, await shop.harness.now()))
    known = await client.get(f"{KEY_PREFIX}%budgets")
    assert isinstance(known, bytes)
    assert msgspec.json.decode(known)["since"] >= in_milliseconds(now)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "stored",
    [b"nothing", b"[]", b'{"taken": -1, "ends": 1, "since": 1}', b'{"taken": 1.5, "ends": 1, "since": 1}', b"{}"],
)
async def test_what_nobody_of_us_wrote_is_never_overwritten(client: aioredis.Redis, stored: bytes) -> None:
    shop, key = await shop_of(RealHarness(client)), f"{KEY_PREFIX}%budget:merchant:m-1"
    day = await out_of(shop.harness, await shop.day(5))
    await client.set(key, stored)

    with pytest.raises(UnavailableError, match=f"at the key {key}: delete it"):
        await shop.reserve(day)

    assert await client.get(key) == stored


@pytest.mark.asyncio
async def test_a_budgets_key_outlives_its_day_by_five_weeks(client: aioredis.Redis) -> None:
    shop = await shop_of(RealHarness(client))
    day = await out_of(shop.harness, await shop.day(5))
    granted(await shop.harness.throttle(BRIEF_LEASE_SECONDS).reserve(shop.claim(day), ()))

    expires = await client.pexpiretime(f"{KEY_PREFIX}%budget:merchant:m-1")

    assert expires == in_milliseconds(day.ends + timedelta(days=35))
    assert await taken(client) == {
        "taken": 1,
        "ends": in_milliseconds(day.ends),
        "since": (await taken(client))["since"],
    }


@pytest.mark.asyncio
async def test_values_have_the_bytes_that_they_had_where_no_budget_is_asked_for(client: aioredis.Redis) -> None:
    shop = await shop_of(RealHarness(client))
    claim = shop.claim()
    granted(await shop.harness.throttle().reserve(claim, ()))

    raw = await client.get(f"{KEY_PREFIX}{claim.user_id}")

    assert isinstance(raw, bytes)
    assert b"budgets" not in raw
