"""Of alerts that were gathered for one slot the best is charged as control where its user is kept back."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from saving_alerts.domain.alerts import Alert
from saving_alerts.domain.caps import Cap
from saving_alerts.domain.reasons import Reason
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.ports.push_sender import Refused
from saving_alerts.ports.throttle import Claim, ControlCharge
from tests.support.fakes.clock import START
from tests.support.fakes.throttle import FakeThrottle
from tests.unit.pipeline.test_gathered_dispatch import (
    LEASE_SECONDS,
    WITHIN,
    World,
    departure,
    offer,
    reasons,
    simulated,
)


class Undecided(FakeThrottle):
    """Loses the answer to the first charge, which it made or not."""

    def __init__(self, world: World, *, is_made: bool) -> None:
        super().__init__(world.clock, LEASE_SECONDS, world.users)
        self._is_made, self._is_first = is_made, True

    async def charge_control(self, claim: Claim, caps: tuple[Cap, ...]) -> ControlCharge:
        if not self._is_first:
            return await super().charge_control(claim, caps)
        self._is_first = False
        if self._is_made:
            await super().charge_control(claim, caps)
        raise UnavailableError("the fake lost the answer")


class Forgetful(FakeThrottle):
    """Loses all data right after a charge."""

    async def charge_control(self, claim: Claim, caps: tuple[Cap, ...]) -> ControlCharge:
        answer = await super().charge_control(claim, caps)
        self.users.clear()
        return answer


def kept_back(offset: int, percent: float, deadline: timedelta = timedelta(minutes=5)) -> Alert:
    made = offer(offset, percent, deadline=START + deadline)
    return msgspec.structs.replace(made, control=True, control_percent=5.0)


def controls(world: World) -> list[tuple[str, bool]]:
    """What the Table has of the user: event, and whether it was charged as control."""
    return [(send.event_id, send.control) for send in world.table["u-1"]]


@pytest.mark.parametrize("other", [offer(2, 10), kept_back(2, 10)], ids=["treated", "control"])
def test_the_best_is_charged_and_the_others_are_outbid_by_it(other: Alert) -> None:
    async def test() -> None:
        world = World()

        decided = await world.come(kept_back(1, 30), other)

        assert reasons(decided) == [Reason.CONTROL, Reason.OUTBID]
        assert (world.pushed, controls(world)) == ([], [("event-1", True)])
        assert decided[1].details["won"]["event_id"] == "event-1"  # type: ignore[index]
        assert decided[1].details["counts_control"] is True

    simulated(test())


def test_one_that_was_outbid_by_a_push_is_not_control() -> None:
    async def test() -> None:
        world = World()

        decided = await world.come(offer(1, 30), kept_back(2, 10))

        assert reasons(decided) == [Reason.PUSHED, Reason.OUTBID]
        assert (world.pushed, controls(world)) == (["event-1"], [("event-1", False)])
        assert "counts_control" not in decided[1].details

    simulated(test())


def test_where_the_push_is_refused_the_next_one_can_be_control() -> None:
    async def test() -> None:
        world = World()
        world.sender.ends(Refused(400, "no"))

        decided = await world.come(offer(1, 30), kept_back(2, 10))

        assert reasons(decided) == [Reason.PUSH_REFUSED, Reason.CONTROL]

    simulated(test())


@pytest.mark.parametrize("again", [offer(2, 50), kept_back(2, 50)], ids=["treated", "control"])
def test_what_comes_again_alone_or_better_finds_who_was_charged(again: Alert) -> None:
    """The worker dies after the charge, before its row is in the Table."""

    async def test() -> None:
        world = World()
        await world.come(kept_back(1, 30), offer(2, 10))
        world.table.clear()
        world.worker = world.another_worker("worker-b")

        alone = await world.come(again)
        both = await world.come(kept_back(1, 30), again)

        assert reasons(alone) == [Reason.OUTBID]
        assert reasons(both) == [Reason.CONTROL, Reason.OUTBID]
        assert world.pushed == []

    simulated(test())


@pytest.mark.parametrize("second", [offer(2, 10), kept_back(2, 10)], ids=["treated", "control"])
def test_the_table_has_the_charge_where_redis_forgot(second: Alert) -> None:
    async def test() -> None:
        world = World()
        world.throttle = Forgetful(world.clock, LEASE_SECONDS, world.users)
        world.worker = world.another_worker("worker-a")

        decided = await world.come(kept_back(1, 30), second)

        assert reasons(decided) == [Reason.CONTROL, Reason.OUTBID]
        assert (world.pushed, world.throttle.sends("u-1")) == ([], [])

    simulated(test())


@pytest.mark.parametrize("is_made", [True, False])
def test_a_charge_that_was_not_heard_is_asked_for_again_and_has_the_slot(*, is_made: bool) -> None:
    async def test() -> None:
        world = World()
        world.throttle = Undecided(world, is_made=is_made)
        world.worker = world.another_worker("worker-a")

        decided = await world.come(kept_back(1, 30), kept_back(2, 10))

        assert reasons(decided) == [Reason.CONTROL, Reason.OUTBID]
        assert len(world.throttle.sends("u-1")) == 1

    simulated(test())


def test_who_left_is_not_charged() -> None:
    async def test() -> None:
        world = World()

        decided = await world.come(kept_back(1, 30), departure(2, START + timedelta(seconds=2)), after=(0, 2))

        assert reasons(decided) == [Reason.LEFT, Reason.NOT_A_TRIGGER]
        assert controls(world) == []

    simulated(test())


def test_nobody_is_charged_once_the_partitions_go() -> None:
    """The next owner does it: a charge would be cut off from its decision."""

    async def test() -> None:
        world = World()
        task = asyncio.ensure_future(world.worker.dispatch_push(kept_back(1, 30)))
        await asyncio.sleep(WITHIN.total_seconds() - 1)
        world.drain.start(grace_seconds=60)

        await asyncio.wait([task])

        assert task.cancelled()
        assert (controls(world), world.throttle.sends("u-1")) == ([], [])

    simulated(test())
