"""An erasure waits for claims and dispatches, says why, and is repeated from its beginning."""

import asyncio
from collections.abc import Sequence

import pytest

from saving_alerts.domain.caps import Cap, CapPer
from saving_alerts.failpoints import Failpoint, Failpoints
from saving_alerts.pipeline.erasing import Eraser
from saving_alerts.pipeline.user_turns import UserTurns
from saving_alerts.ports.throttle import CapReached, Granted
from tests.contracts.throttle_harness import claim_of
from tests.support.fakes.clock import START, FakeClock
from tests.support.fakes.gone_devices import FakeGoneDevices
from tests.support.fakes.push_sends import FakePushSends
from tests.support.fakes.throttle import FakeThrottle

pytestmark = pytest.mark.asyncio

DAILY = Cap(CapPer.USER, 1, 24)


class WatchedTable(FakePushSends):
    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.steps: list[str] = []

    async def keep_under_token(self, user_id: str, partition: int) -> Sequence[bytes]:
        self.steps.append(f"tokens of {user_id} in {partition}")
        return [b"a row"]

    async def remove(self, partition: int, keys: Sequence[bytes]) -> None:
        self.steps.append(f"tombstones of {list(keys)} in {partition}")


class World:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.throttle = FakeThrottle(self.clock)
        self.gone = FakeGoneDevices()
        self.table = WatchedTable(self.clock)
        self.turns = UserTurns()
        self.reached: list[Failpoint] = []

    def eraser(self, failpoints: Failpoints | None = None) -> Eraser:
        return Eraser(self.throttle, self.gone, self.table, self.turns, failpoints or Failpoints())


@pytest.fixture
def world() -> World:
    return World()


async def test_claims_then_tokens_then_tombstones(world: World) -> None:
    await world.throttle.confirm(claim_of(1), uncertain=False)
    await world.gone.remember("u-1", "uninstalled", START)

    assert await world.eraser().erase("u-1", 3) is None

    assert world.table.steps == ["tokens of u-1 in 3", "tombstones of [b'a row'] in 3"]
    assert world.gone.remembered == {}
    assert isinstance(await world.throttle.reserve(claim_of(2), (DAILY,)), CapReached)


async def test_while_a_claim_lives_nothing_is_touched(world: World) -> None:
    assert isinstance(await world.throttle.reserve(claim_of(1), ()), Granted)

    assert await world.eraser().erase("u-1", 3) == "a claim of a user who is to be erased lives"

    assert world.table.steps == []


async def test_without_redis_nothing_is_touched(world: World) -> None:
    world.throttle.down = True

    why = await world.eraser().erase("u-1", 3)

    assert why is not None
    assert "Redis cannot be reached" in why
    assert world.table.steps == []


async def test_while_a_push_to_the_user_is_in_work_it_does_not_begin(world: World) -> None:
    async with world.turns.dispatching("u-1"):
        during, another = await world.eraser().erase("u-1", 3), await world.eraser().erase("u-2", 3)
    after = await world.eraser().erase("u-1", 3)

    assert during == "a push to a user who is to be erased is in work"
    assert (another, after) == (None, None)


async def test_a_push_waits_for_the_end_of_an_erasure_of_its_user(world: World) -> None:
    began: list[str] = []

    async def dispatch(user: str) -> None:
        async with world.turns.dispatching(user):
            began.append(user)

    with world.turns.erasing("u-1") as may_begin:
        waiting = [asyncio.create_task(dispatch(user)) for user in ("u-1", "u-2")]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        during = list(began)
    await asyncio.gather(*waiting)

    assert may_begin
    assert (during, began) == (["u-2"], ["u-2", "u-1"])


async def test_two_pushes_to_one_user_do_not_wait_for_each_other(world: World) -> None:
    async with world.turns.dispatching("u-1"):
        async with world.turns.dispatching("u-1"):
            pass
        with world.turns.erasing("u-1") as may_begin:
            assert not may_begin
    with world.turns.erasing("u-1") as may_begin:
        assert may_begin


@pytest.mark.parametrize(
    ("place", "steps"),
    [
        (Failpoint.AFTER_CLAIMS_ERASED, 0),
        (Failpoint.AFTER_TOKENS_WRITTEN, 1),
        (Failpoint.AFTER_ROWS_ERASED, 2),
    ],
)
async def test_a_death_between_two_steps_leaves_what_was_before_it(world: World, place: Failpoint, steps: int) -> None:
    def die() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await world.eraser(Failpoints(place, act=die)).erase("u-1", 3)
    died_after = len(world.table.steps)

    assert died_after == steps
    assert await world.eraser().erase("u-1", 3) is None
