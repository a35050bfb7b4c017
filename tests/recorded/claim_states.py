"""Every state that the claim scripts can leave of a user, made by the real adapter on a real server."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from redis import asyncio as aioredis

from saving_alerts.adapters.redis_throttle import RedisThrottle, ThrottlePolicy
from tests.contracts.throttle_harness import BRIEF_LEASE_SECONDS, RealHarness
from tests.recorded.claim_answers import LEASE_SECONDS, claims_in
from tests.recorded.claim_asks import NO_CAPS, claim_of
from tests.recorded.lines import Line
from tests.support.fakes.metrics import RecordingMetrics

KEY_PREFIX = "saving-alerts:claims:"


class User:
    """One user on one server, and the calls that workers make for them. Each returns when the server has answered."""

    def __init__(self, client: aioredis.Redis, user_id: str) -> None:
        self.user_id = user_id
        self._world = RealHarness(client)
        self.throttle = throttle_on(client)
        self._brief = throttle_on(client, BRIEF_LEASE_SECONDS)

    async def claim(self, offset: int = 7, *, number: int = 1, incarnation: str = "worker-a") -> None:
        await self.throttle.reserve(claim_of(self.user_id, offset, number=number, incarnation=incarnation), NO_CAPS)

    async def claim_and_die(self, *, number: int = 1) -> None:
        """The lease ends and nobody has said anything."""
        await self._brief.reserve(claim_of(self.user_id, number=number), NO_CAPS)
        await self._world.wait_until(await self._world.now() + timedelta(seconds=BRIEF_LEASE_SECONDS))

    async def confirm(self, offset: int = 7, merchant_id: str = "m-1", *, uncertain: bool = False) -> None:
        claim = claim_of(self.user_id, offset, merchant_id=merchant_id)
        await self.throttle.confirm(claim, uncertain=uncertain)

    async def release(self, offset: int = 7, *, number: int = 1) -> None:
        await self.throttle.release(claim_of(self.user_id, offset, number=number))


Story = Callable[[User], Awaitable[None]]


async def _taken_over_by_itself(user: User) -> None:
    await user.claim()
    await user.claim(number=2)


async def _taken_over_from_the_dead(user: User) -> None:
    await user.claim_and_die()
    await user.claim(incarnation="worker-b")


async def _taken_over_and_died(user: User) -> None:
    await user.claim_and_die()
    await user.claim_and_die(number=2)


async def _confirmed(user: User) -> None:
    await user.claim()
    await user.confirm()


async def _uncertain(user: User) -> None:
    await user.claim()
    await user.confirm(uncertain=True)


async def _uncertain_and_then_certain(user: User) -> None:
    await _uncertain(user)
    await user.confirm()


async def _released(user: User) -> None:
    await user.claim()
    await user.release()


async def _several_released(user: User) -> None:
    await _released(user)
    await user.claim(number=2)
    await user.release(number=2)


async def _several_sends(user: User) -> None:
    await _confirmed(user)
    await user.confirm(11, "m-2")
    await user.confirm(12, uncertain=True)


async def _everything(user: User) -> None:
    await _several_sends(user)
    await user.claim(13)
    await user.release(13)
    await user.claim(14)


STORIES: dict[str, Story] = {
    "a live claim": User.claim,
    "a claim whose lease has ended": User.claim_and_die,
    "a live claim, taken over from the same worker": _taken_over_by_itself,
    "a live claim, taken over from a dead worker": _taken_over_from_the_dead,
    "a claim, taken over, whose lease has ended": _taken_over_and_died,
    "confirmed": _confirmed,
    "confirmed without a claim": User.confirm,
    "uncertain": _uncertain,
    "uncertain, later certain": _uncertain_and_then_certain,
    "released": _released,
    "released before it was claimed": User.release,
    "several released": _several_released,
    "several sends": _several_sends,
    "several sends, something released and a live claim": _everything,
}
ODD_USER = "u/odd ü%"  # its key is quoted


def throttle_on(
    client: aioredis.Redis, lease_seconds: float = LEASE_SECONDS, prefix: str = KEY_PREFIX
) -> RedisThrottle:
    return RedisThrottle(client, ThrottlePolicy(lease_seconds, prefix), RecordingMetrics())


async def recorded_states(client: aioredis.Redis) -> list[Line]:
    """All of them, each as it stood when its last call was answered."""
    stories = [(about, f"u-{number}", story) for number, (about, story) in enumerate(STORIES.items())]
    odd = ("confirmed, for a user whose name is quoted", ODD_USER, _confirmed)
    return [await _recorded(client, about, user_id, story) for about, user_id, story in [*stories, odd]]


async def _recorded(client: aioredis.Redis, about: str, user_id: str, story: Story) -> Line:
    await client.flushdb()
    await story(User(client, user_id))
    (line,) = await claims_in(client, about)
    assert line.user_id == user_id
    return line
