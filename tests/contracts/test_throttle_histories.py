"""The fake throttle against Redis, over random histories of calls for one user."""

import random
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest
import pytest_asyncio

from demo.servers.redis import EmbeddedRedis
from saving_alerts.adapters.redis_connection import connect
from saving_alerts.domain.caps import Cap
from saving_alerts.ports.throttle import (
    AlreadySent,
    BudgetSpent,
    Busy,
    CapReached,
    Claim,
    DuplicateOf,
    Free,
    Granted,
    Known,
    OtherDay,
    Outbid,
    Outnumbered,
    Reservation,
    View,
)
from tests.contracts.throttle_harness import (
    DAILY,
    DAILY_PER_MERCHANT,
    LEASE_SECONDS,
    TWICE_A_DAY,
    WEEKLY,
    FakeHarness,
    Harness,
    RealHarness,
    claim_of,
)
from tests.contracts.throttle_servers import SERVERS, named

INSTANT_LEASE_SECONDS = 0.001
# Every step has a time of its own, so that no cap ties with another in one of the two only.
TICK = timedelta(milliseconds=1)
STEPS = ("look", "reserve", "reserve", "reserve", "crash", "crash", "renew", "confirm", "doubt", "release", "release")


@pytest.fixture(scope="module", params=SERVERS)
def redis(request: pytest.FixtureRequest) -> Iterator[EmbeddedRedis]:
    with named(request.param) as server:
        yield server


@pytest_asyncio.fixture
async def real(redis: EmbeddedRedis) -> AsyncIterator[RealHarness]:
    async with connect(redis.url, timeout_seconds=5, max_connections=2) as client:
        harness = RealHarness(client)
        await harness.flush()
        yield harness


@pytest.mark.asyncio
@pytest.mark.parametrize("seed", range(40))
async def test_the_fake_answers_as_redis_does(real: RealHarness, seed: int) -> None:
    answered = await run_history(FakeHarness(), seed, steps=25)

    assert answered == await run_history(real, seed, steps=25)


async def run_history(harness: Harness, seed: int, steps: int) -> list[str]:
    """A random history of one user: the answer of each step, without times."""
    rng, answers = random.Random(seed), []
    for _ in range(steps):
        # The source may have been made again: another event, of another claim, at the same position.
        offset, topic = rng.randrange(4), rng.randrange(2)
        number, event_id = 3 * topic + rng.randrange(3), f"event-{offset // 2}-{topic}"
        claim = claim_of(offset, rng.choice("ab"), number, event_id, f"m-{offset % 2}")
        caps = tuple(rng.sample([DAILY, TWICE_A_DAY, DAILY_PER_MERCHANT, WEEKLY], rng.randrange(3)))
        answers.append(await step(harness, rng.choice(STEPS), claim, caps))
        await harness.wait_until(await harness.now() + TICK)
    return answers


async def step(harness: Harness, name: str, claim: Claim, caps: tuple[Cap, ...]) -> str:
    throttle = harness.throttle()
    match name:
        case "reserve" | "crash":
            return f"{name}: {await reserve(harness, claim, caps, crash=name == 'crash')}"
        case "look":
            return timeless(await throttle.look(claim, caps))
        case "renew":
            return f"renewed: {await throttle.renew(claim) is not None}"
        case "confirm" | "doubt":
            await throttle.confirm(claim, uncertain=name == "doubt")
        case _:
            return f"released: {await throttle.release(claim)}"
    return name


async def reserve(harness: Harness, claim: Claim, caps: tuple[Cap, ...], *, crash: bool) -> str:
    """With `crash` a grant's lease has ended when this returns, unless it was an earlier step's longer one."""
    throttle = harness.throttle(INSTANT_LEASE_SECONDS if crash else LEASE_SECONDS)
    answer = await throttle.reserve(claim, caps)
    if isinstance(answer, Granted) and answer.lease_until - await harness.now() < timedelta(seconds=1):
        await harness.wait_until(answer.lease_until)
    return timeless(answer)


def timeless(answer: Reservation | View) -> str:
    match answer:
        case Outnumbered() | Free() | Known() | BudgetSpent() | OtherDay():
            return type(answer).__name__
        case Granted(_, taken_over):
            return f"granted, taken over: {taken_over}"
        case AlreadySent(_, uncertain):
            return f"already sent, uncertain: {uncertain}"
        case CapReached(cap, _):
            return f"capped: {cap}"
        case Busy(_, own_position):
            return f"busy, own position: {own_position}"
        case DuplicateOf(position) | Outbid(_, position):
            what = "outbid by" if isinstance(answer, Outbid) else "duplicate of"
            return f"{what} {position}"
