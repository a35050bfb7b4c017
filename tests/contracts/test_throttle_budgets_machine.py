"""Budgets on a real server beside the fake: any calls are answered alike, and Lua computes what Python does."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from redis import asyncio as aioredis

from saving_alerts.adapters.redis_connection import connect
from saving_alerts.domain.budgets import MAX_PUSHES_PER_DAY, MILLISECOND, BudgetDay, released
from saving_alerts.domain.moments import of_milliseconds
from saving_alerts.ports.throttle import BudgetSpent, Claim, Throttle
from tests.contracts.throttle_harness import KEY_PREFIX, RealHarness, claim_of
from tests.contracts.throttle_pair import settings_for
from tests.contracts.throttle_servers import SERVERS, NamedRedis, named
from tests.support.fakes.clock import FakeClock
from tests.support.fakes.throttle import FakeThrottle

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EXAMPLES = 60
CallName = Literal["look", "reserve", "release", "confirm", "uncertain", "control", "erase", "flush"]
NAMES: tuple[CallName, ...] = ("look", "reserve", "release", "confirm", "uncertain", "control", "erase", "flush")
WEIGHTED = ("reserve",) * 6 + ("release",) * 3 + NAMES

calls = st.lists(
    st.tuples(
        st.sampled_from(WEIGHTED),
        st.integers(0, 5),  # the user, each with one event
        st.sampled_from(("worker-a", "worker-b")),
        st.integers(1, 3),  # the claim's number
        st.sets(st.integers(0, 1)),  # its budgets
    ),
    max_size=40,
)


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[NamedRedis]:
    with named(request.param) as running:
        yield running


@pytest_asyncio.fixture
async def client(server: NamedRedis) -> "aioredis.Redis":
    return connect(server.url, timeout_seconds=5, max_connections=4)


async def answer(throttle: Throttle, name: str, claim: Claim) -> object:
    """Without the times: the server's clock goes on between two calls."""
    match name:
        case "look":
            found: object = await throttle.look(claim, ())
        case "reserve":
            found = await throttle.reserve(claim, ())
        case "control":
            found = await throttle.charge_control(claim, ())
        case "release":
            return await throttle.release(claim)
        case "erase":
            return await throttle.erase(claim.user_id) is None
        case _:
            await throttle.confirm(claim, uncertain=name == "uncertain")
            return None
    return found if isinstance(found, BudgetSpent) else type(found)


@settings_for(EXAMPLES)
@given(calls=calls, pushes=st.tuples(st.integers(1, 3), st.integers(1, 3)))
@pytest.mark.asyncio
async def test_both_answer_alike(
    client: aioredis.Redis, calls: list[tuple[CallName, int, str, int, set[int]]], pushes: tuple[int, int]
) -> None:
    await client.flushall()
    harness, clock = RealHarness(client), FakeClock()
    real = harness.throttle()
    clock.set(await harness.now())
    fake = FakeThrottle(clock)
    await real.check()
    await fake.check()
    begins = await harness.now() + 2 * MILLISECOND
    await harness.wait_until(begins + 2 * MILLISECOND)
    days = [
        BudgetDay(name, most, begins, begins + DAY, ((begins, begins + MILLISECOND),))
        for name, most in zip(("merchant:m-1", "rule:r"), pushes, strict=True)
    ]
    for name, user, incarnation, number, budgets in calls:
        clock.set(await harness.now())
        if name == "flush":
            await harness.flush()
            fake.users.clear()
            continue
        claim = claim_of(user, incarnation, number, user_id=f"u-{user}")
        claim = msgspec.structs.replace(claim, budgets=tuple(days[each] for each in sorted(budgets)))
        assert await answer(real, name, claim) == await answer(fake, name, claim), (name, claim)


opened = st.lists(st.tuples(st.integers(-720, 700), st.integers(1, 400)), min_size=1, max_size=4)


@settings_for(EXAMPLES)
@given(pushes=st.integers(1, MAX_PUSHES_PER_DAY) | st.integers(1, 50), minutes=opened, odd=st.integers(0, 59_999))
@pytest.mark.asyncio
async def test_lua_computes_what_is_out_as_python_does(
    client: aioredis.Redis, pushes: int, minutes: list[tuple[int, int]], odd: int
) -> None:
    """Of a server that knows nothing all that is out counts as taken: it says how many, and since when it knows."""
    await client.flushall()
    now = datetime.now(UTC).replace(microsecond=0) + odd * MILLISECOND - timedelta(minutes=1)
    edges = sorted({now + timedelta(minutes=edge) for begin, length in minutes for edge in (begin, begin + length)})
    spans = tuple(zip(edges[::2], edges[1::2], strict=False))
    day = BudgetDay("merchant:m-1", pushes, now - 20 * HOUR, now + 20 * HOUR, spans)
    claim = msgspec.structs.replace(claim_of(1), budgets=(day,))

    found = await RealHarness(client).throttle().reserve(claim, ())

    known = await client.get(f"{KEY_PREFIX}%budgets")
    assert isinstance(known, bytes)
    assert found == BudgetSpent(day, released(day, of_milliseconds(msgspec.json.decode(known)["since"])))
