"""A device that the push API calls gone is not asked for again for every event, and charges nobody."""

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest

from saving_alerts.domain.reasons import Reason
from saving_alerts.ledger.decision_texts import details_in_words
from saving_alerts.pipeline.dispatch import Dispatcher
from saving_alerts.pipeline.outcomes import Decided
from saving_alerts.ports.gone_devices import NobodyGone
from saving_alerts.ports.push_sender import Refused, Unclear
from tests.support.fakes.clock import START, FakeClock
from tests.support.fakes.gone_devices import FakeGoneDevices
from tests.support.fakes.kill_switches import FakeKillSwitches
from tests.support.fakes.push_sender import FakePushSender
from tests.support.fakes.push_sends import FakePushSends
from tests.support.fakes.throttle import FakeThrottle
from tests.support.sample_events import alert, snapshot

pytestmark = pytest.mark.asyncio

GONE = Refused(410, '{"reason":"unregistered"}', "unregistered")


class World:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.sender = FakePushSender(self.clock)
        self.throttle = FakeThrottle(self.clock, 20, {})
        self.gone = FakeGoneDevices()
        self._dispatcher = Dispatcher(
            throttle=self.throttle,
            sender=self.sender,
            push_sends=FakePushSends(self.clock),
            kill_switches=FakeKillSwitches(),
            clock=self.clock,
            incarnation="worker-a",
            lease_left=timedelta(seconds=7),
            claim_numbers=itertools.count(1),
            gone_devices=self.gone,
        )

    async def dispatch_elsewhere(self) -> Decided:
        """By a worker whose Table nobody here has read, before the device was gone."""
        other = replace(
            self._dispatcher,
            incarnation="worker-b",
            push_sends=FakePushSends(self.clock),
            claim_numbers=itertools.count(1),
            gone_devices=NobodyGone(),
        )
        return await other.dispatch_push(alert(7), snapshot().rules)

    async def dispatch(self, offset: int = 7, user_id: str = "u-1") -> Decided:
        return await self._dispatcher.dispatch_push(alert(offset, user_id=user_id), snapshot().rules)


@pytest.fixture
def world() -> World:
    return World()


async def test_it_is_asked_for_once(world: World) -> None:
    world.sender.ends(GONE)

    first, second = await world.dispatch(7), await world.dispatch(8)

    assert (first.reason, second.reason) == (Reason.PUSH_REFUSED, Reason.PUSH_REFUSED)
    assert len(world.sender.attempts) == 1
    assert (first.details["device_gone"], second.details["device_gone"]) == ("unregistered", "unregistered")
    words = details_in_words(second.details)
    assert "device gone unregistered" in words
    assert "asked no" in words


async def test_nobody_is_charged_for_it(world: World) -> None:
    world.sender.ends(GONE)
    await world.dispatch(7)
    await world.dispatch(8)
    world.gone.remembered.clear()

    assert (await world.dispatch(9)).reason is Reason.PUSHED


async def test_others_are_pushed(world: World) -> None:
    await world.gone.remember("u-1", "unregistered", START)

    assert (await world.dispatch(user_id="u-2")).reason is Reason.PUSHED


async def test_a_refusal_without_a_reason_is_remembered_by_nobody(world: World) -> None:
    world.sender.ends(Refused(404, "<h1>Not Found</h1>"))

    await world.dispatch(7)

    assert (await world.dispatch(8)).reason is Reason.PUSHED


async def test_what_may_have_arrived_is_not_denied_when_the_event_comes_again(world: World) -> None:
    world.sender.ends(Unclear("status 500: "), GONE)

    decided = await world.dispatch(7)

    assert (decided.reason, world.gone.remembered) == (Reason.PUSH_UNCERTAIN, {})


async def test_what_another_worker_has_sent_before_is_not_denied(world: World) -> None:
    await world.dispatch_elsewhere()
    await world.gone.remember("u-1", "unregistered", world.clock.now())

    again = await world.dispatch(7)

    assert (again.reason, again.details["again"]) == (Reason.PUSHED, True)


async def test_what_another_worker_may_have_sent_is_uncertain(world: World) -> None:
    world.sender.ends(*[Unclear("no answer")] * 1_000)  # more than there is time for
    await world.dispatch_elsewhere()
    await world.gone.remember("u-1", "unregistered", world.clock.now())

    assert (await world.dispatch(7)).reason is Reason.PUSH_UNCERTAIN


async def test_it_is_told_at_once_while_the_push_api_is_down(world: World) -> None:
    world.sender.goes_down(START + timedelta(hours=1))
    await world.gone.remember("u-1", "unregistered", START)

    decided = await world.dispatch()

    assert (decided.reason, world.clock.now()) == (Reason.PUSH_REFUSED, START)
