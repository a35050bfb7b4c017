"""Users who are kept back as control: no push, and caps that move as if there had been one."""

from datetime import datetime, timedelta

import msgspec
import pytest

from saving_alerts.domain.alerts import Alert
from saving_alerts.domain.caps import Cap
from saving_alerts.domain.kill_switches import KillScope, KillSwitch
from saving_alerts.domain.reasons import Reason
from saving_alerts.failpoints import Failpoint, Failpoints
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.ports.push_sender import Refused, Unclear
from saving_alerts.ports.throttle import Claim, ControlCharge
from tests.support.fakes.clock import START
from tests.support.fakes.throttle import FakeThrottle
from tests.support.sample_events import DEADLINE, alert
from tests.unit.pipeline.test_dispatch_push import DAILY, LEASE, World, position, rules

pytestmark = pytest.mark.asyncio

KEPT_BACK = msgspec.structs.replace(alert(), control=True, control_percent=5.0)
NEXT = msgspec.structs.replace(alert(8), control=True, control_percent=5.0)
TREATED = msgspec.structs.replace(KEPT_BACK, control=False)
HOUR = timedelta(hours=1)


class LossyThrottle(FakeThrottle):
    """Loses the answer to every charge. `is_written`: the charge was made all the same. Then it is down."""

    def __init__(self, world: World, *, is_written: bool) -> None:
        super().__init__(world.clock, LEASE.total_seconds(), world.users)
        self._world, self._is_written = world, is_written

    async def charge_control(self, claim: Claim, caps: tuple[Cap, ...]) -> ControlCharge:
        if self._is_written:
            await super().charge_control(claim, caps)
        self.down = True
        self._world.clock.set(DEADLINE)
        raise UnavailableError("the fake lost the answer")


class ReleasingThrottle(FakeThrottle):
    """Another owner gives its claim back right after a charge has met it."""

    async def charge_control(self, claim: Claim, caps: tuple[Cap, ...]) -> ControlCharge:
        answer = await super().charge_control(claim, caps)
        await self.release(Claim("u-1", "m-1", "event-7", position(7), "worker-b", 1))
        return answer


class ChargedMeanwhile(FakeThrottle):
    """Loses all data before the first renewal; then another worker charges for the position."""

    def __init__(self, world: World) -> None:
        super().__init__(world.clock, LEASE.total_seconds(), world.users)

    async def renew(self, claim: Claim) -> datetime | None:
        self.users.clear()
        await self.charge_control(Claim("u-1", "m-1", "event-7", position(7), "worker-b", 1), ())
        return await super().renew(claim)


@pytest.fixture
def world() -> World:
    return World()


async def test_nothing_is_sent_and_the_user_is_charged_in_table_and_throttle(world: World) -> None:
    decided = await world.dispatch(KEPT_BACK)

    assert (decided.reason, world.sender.attempts) == (Reason.CONTROL, [])
    assert world.sends == [(position(7), False)]
    (send,) = world.table["u-1"]
    assert (send.control, send.uncertain, send.sent_at) == (True, False, START)
    assert (decided.details["control_percent"], decided.details["rule_id"]) == (5.0, "at-the-store")


async def test_the_other_arm_names_the_percentage_too(world: World) -> None:
    decided = await world.dispatch(TREATED)

    assert (decided.reason, decided.details["control_percent"]) == (Reason.PUSHED, 5.0)


@pytest.mark.parametrize("second", [NEXT, alert(8)], ids=["control", "treated"])
async def test_the_next_event_is_capped_in_either_arm(world: World, second: Alert) -> None:
    await world.dispatch(KEPT_BACK)

    decided = await world.dispatch(second)

    assert (decided.reason, world.sender.attempts) == (Reason.CAPPED, [])
    assert decided.details["counts_control"] is True


async def test_a_push_caps_who_is_kept_back_now(world: World) -> None:
    await world.dispatch()

    decided = await world.dispatch(NEXT)

    assert decided.reason is Reason.CAPPED
    assert "counts_control" not in decided.details


async def test_caps_hold_by_the_table_where_the_throttle_forgot(world: World) -> None:
    await world.dispatch(KEPT_BACK)
    world.users.clear()

    decided = await world.dispatch(NEXT)

    assert (decided.reason, world.sends) == (Reason.CAPPED, [])


@pytest.mark.parametrize("again", [KEPT_BACK, TREATED], ids=["the same arm", "the other arm"])
@pytest.mark.parametrize("forgets", ["table", "throttle"])
async def test_a_position_that_comes_again_is_control_again(world: World, again: Alert, forgets: str) -> None:
    await world.dispatch(KEPT_BACK)
    if forgets == "table":
        world.table.clear()
    else:
        world.users.clear()

    decided = await world.dispatch(again)

    assert (decided.reason, world.sender.attempts) == (Reason.CONTROL, [])
    assert decided.details["again"] is True
    assert [send.control for send in world.table["u-1"]] == [True]


async def test_one_that_was_pushed_is_not_told_as_control(world: World) -> None:
    await world.dispatch(TREATED)
    world.table.clear()

    decided = await world.dispatch(KEPT_BACK)

    assert (decided.reason, [send.control for send in world.table["u-1"]]) == (Reason.PUSHED, [False])


async def test_a_claim_that_was_left_behind_makes_it_treated(world: World) -> None:
    """Its owner may have sent: an answer that says `control` would deny the push."""
    granted = await world.left_behind(7)
    world.clock.set(granted.lease_until)

    decided = await world.dispatch(KEPT_BACK)

    assert (decided.reason, len(world.sender.attempts)) == (Reason.PUSHED, 1)


async def test_a_claim_that_is_given_back_meanwhile_makes_no_push_of_it(world: World) -> None:
    await world.left_behind(7)
    worker = world.another_worker("worker-a", ReleasingThrottle(world.clock, LEASE.total_seconds(), world.users))

    decided = await worker.dispatch_push(KEPT_BACK, rules(DAILY))

    assert (decided.reason, world.sender.attempts) == (Reason.CONTROL, [])


async def test_a_charge_of_another_does_not_deny_an_attempt_that_may_have_arrived(world: World) -> None:
    """Redis lost the claim, and another worker made the alert again in the other arm."""
    world.sender.ends(Unclear("no answer"))
    worker = world.another_worker("worker-a", ChargedMeanwhile(world))

    decided = await worker.dispatch_push(TREATED, rules(DAILY))

    assert (decided.reason, [send.uncertain for send in world.table["u-1"]]) == (Reason.PUSH_UNCERTAIN, [True])


async def test_it_waits_for_the_push_api_as_a_push_does(world: World) -> None:
    world.sender.goes_down(START + timedelta(minutes=1))

    await world.dispatch(KEPT_BACK)

    (send,) = world.table["u-1"]
    assert send.sent_at == START + timedelta(minutes=1)


async def test_what_ends_a_push_before_its_attempt_ends_it_uncharged(world: World) -> None:
    world.sender.goes_down(DEADLINE + HOUR)

    decided = await world.dispatch(KEPT_BACK)

    assert (decided.reason, world.sends, world.table["u-1"]) == (Reason.EXPIRED, [], ())


async def test_a_kill_switch_ends_it_as_it_ends_a_push(world: World) -> None:
    world.kill_switches.turn_on(KillSwitch(scope=KillScope.ALL, reason="a test", by="ines", since=START))

    decided = await world.dispatch(KEPT_BACK)

    assert (decided.reason, world.sends) == (Reason.KILLED, [])


async def test_a_body_that_would_not_be_sent_charges_nobody(world: World) -> None:
    world.sender.refuses = Refused(413, "too large")

    decided = await world.dispatch(KEPT_BACK)

    assert (decided.reason, world.sends) == (Reason.PUSH_REFUSED, [])


@pytest.mark.parametrize("is_written", [True, False])
async def test_a_charge_that_was_never_heard_of_is_told_as_control(world: World, *, is_written: bool) -> None:
    worker = world.another_worker("worker-a", LossyThrottle(world, is_written=is_written))

    decided = await worker.dispatch_push(KEPT_BACK, rules(DAILY))

    assert (decided.reason, [send.control for send in world.table["u-1"]]) == (Reason.CONTROL, [True])


async def test_its_failpoint_comes_before_the_table_knows(world: World) -> None:
    seen: list[int] = []
    worker = world.another_worker("worker-a")
    charged = Failpoints(Failpoint.AFTER_CONTROL_CHARGE, act=lambda: seen.append(len(world.table["u-1"])))
    object.__setattr__(worker, "failpoints", charged)

    await worker.dispatch_push(KEPT_BACK, rules(DAILY))

    assert seen == [0]
