"""The fake throttle against Redis, over histories of one user that nobody thought of."""

import random
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest
import pytest_asyncio

from demo.servers.redis import EmbeddedRedis
from saving_alerts.adapters.redis_connection import connect
from saving_alerts.domain.caps import Cap
from saving_alerts.ports.throttle import AlreadySent, Busy, CapReached, Claim, DuplicateOf, Granted, Reservation
from tests.contracts.throttle_servers import SERVERS, named
from tests.contracts.throttle_world import (
    DAILY,
    DAILY_PER_MERCHANT,
    LEASE_SECONDS,
    TWICE_A_DAY,
    WEEKLY,
    FakeWorld,
    RealWorld,
    World,
    claim_of,
)

INSTANT_LEASE_SECONDS = 0.001
# Every step has a time of its own, so that no cap ties with another in one world only.
TICK = timedelta(milliseconds=1)
STEPS = ("reserve", "reserve", "reserve", "crash", "crash", "renew", "confirm", "doubt", "release", "release")


@pytest.fixture(scope="module", params=SERVERS)
def redis(request: pytest.FixtureRequest) -> Iterator[EmbeddedRedis]:
    with named(request.param) as server:
        yield server


@pytest_asyncio.fixture
async def real(redis: EmbeddedRedis) -> AsyncIterator[RealWorld]:
    async with connect(redis.url, timeout_seconds=5, max_connections=2) as client:
        world = RealWorld(client)
        await world.forget()
        yield world


@pytest.mark.asyncio
@pytest.mark.parametrize("seed", range(40))
async def test_the_fake_answers_as_redis_does(real: RealWorld, seed: int) -> None:
    answered = await play(FakeWorld(), seed, steps=25)

    assert answered == await play(real, seed, steps=25)


async def play(world: World, seed: int, steps: int) -> list[str]:
    """A random history of one user, and what each step was answered, without the times."""
    chance, told = random.Random(seed), []
    for _ in range(steps):
        # The source may have been made again: another event, of another claim, at the same position.
        offset, topic = chance.randrange(4), chance.randrange(2)
        number, event_id = 3 * topic + chance.randrange(3), f"event-{offset // 2}-{topic}"
        claim = claim_of(offset, chance.choice("ab"), number, event_id, f"m-{offset % 2}")
        caps = tuple(chance.sample([DAILY, TWICE_A_DAY, DAILY_PER_MERCHANT, WEEKLY], chance.randrange(3)))
        told.append(await step(world, chance.choice(STEPS), claim, caps))
        await world.reach(await world.now() + TICK)
    return told


async def step(world: World, name: str, claim: Claim, caps: tuple[Cap, ...]) -> str:
    throttle = world.throttle()
    match name:
        case "reserve" | "crash":
            return f"{name}: {await reserve(world, claim, caps, crash=name == 'crash')}"
        case "renew":
            return f"renewed: {await throttle.renew(claim) is not None}"
        case "confirm" | "doubt":
            await throttle.confirm(claim, uncertain=name == "doubt")
        case _:
            await throttle.release(claim)
    return name


async def reserve(world: World, claim: Claim, caps: tuple[Cap, ...], *, crash: bool) -> str:
    """With `crash` a grant's lease has ended when this returns, unless it was an earlier step's longer one."""
    throttle = world.throttle(INSTANT_LEASE_SECONDS if crash else LEASE_SECONDS)
    try:
        answer = await throttle.reserve(claim, caps)
    except ValueError:
        return "was released"
    if isinstance(answer, Granted) and answer.lease_until - await world.now() < timedelta(seconds=1):
        await world.reach(answer.lease_until)
    return timeless(answer)


def timeless(answer: Reservation) -> str:
    match answer:
        case Granted(_, taken_over):
            return f"granted, taken over: {taken_over}"
        case AlreadySent(_, uncertain):
            return f"already sent, uncertain: {uncertain}"
        case CapReached(cap, _):
            return f"capped: {cap}"
        case Busy(_, own_position):
            return f"busy, own position: {own_position}"
        case DuplicateOf(position):
            return f"duplicate of {position}"
