"""An opt-out before the first byte means no push; after an unclear attempt nobody can say. What is not known is waited
for, without a claim.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from saving_alerts.domain.reasons import Reason
from saving_alerts.ports.push_sender import Throttled
from tests.support.fakes.clock import START
from tests.support.fakes.consent import FakeConsent
from tests.support.sample_events import DEADLINE, alert
from tests.unit.pipeline.test_dispatch_push import LEASE, NO_ANSWER, UNCERTAIN, World

pytestmark = pytest.mark.asyncio


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def consent(world: World) -> FakeConsent:
    consent = FakeConsent(world.clock)
    world.worker = replace(world.worker, consent=consent)
    return consent


async def test_who_has_opted_out_gets_no_push_and_is_not_charged(world: World, consent: FakeConsent) -> None:
    consent.opted_out.add("u-1")

    decided = await world.dispatch()

    assert (decided.reason, decided.details["consent"]) == (Reason.NO_CONSENT, "opted out, says the fake")
    assert world.sender.attempts == []
    assert world.users["u-1"].entries == {}


async def test_the_others_get_theirs(world: World, consent: FakeConsent) -> None:
    consent.opted_out.add("u-2")

    assert (await world.dispatch()).reason is Reason.PUSHED


async def test_it_is_asked_before_each_attempt(world: World, consent: FakeConsent) -> None:
    world.sender.ends(Throttled(timedelta(minutes=1)))
    consent.before_answer = lambda: consent.opted_out.update({"u-1"} if world.sender.attempts else ())

    decided = await world.dispatch()

    assert (decided.reason, len(world.sender.attempts)) == (Reason.NO_CONSENT, 1)
    assert world.users["u-1"].entries == {}


async def test_after_an_unclear_attempt_an_opt_out_is_uncertain_and_charged(world: World, consent: FakeConsent) -> None:
    world.sender.ends(NO_ANSWER)
    consent.before_answer = lambda: consent.opted_out.update({"u-1"} if world.sender.attempts else ())

    decided = await world.dispatch()

    assert (decided.reason, world.sends) == (Reason.PUSH_UNCERTAIN, UNCERTAIN)
    assert len(world.sender.attempts) == 1


async def test_an_opt_out_does_not_deny_what_was_pushed(world: World, consent: FakeConsent) -> None:
    await world.dispatch()
    consent.opted_out.add("u-1")

    again = await world.dispatch()

    assert (again.reason, again.details["again"]) == (Reason.PUSHED, True)


async def test_it_is_waited_for_before_the_claim(world: World, consent: FakeConsent) -> None:
    consent.known_from = START + timedelta(minutes=1)

    decided = await world.dispatch()

    assert decided.reason is Reason.PUSHED
    assert world.throttle.calls == [("reserve", 1), ("confirm", 1)]
    assert world.sender.accepted[0].not_after == START + timedelta(minutes=1) + LEASE


async def test_what_is_not_known_until_the_deadline_is_expired_unsent_and_says_so(
    world: World, consent: FakeConsent
) -> None:
    consent.known_from = DEADLINE + timedelta(hours=1)

    decided = await world.dispatch()

    assert (decided.reason, decided.details["consent"]) == (Reason.EXPIRED, "the fake has not read it yet")
    assert world.sender.attempts == []
    assert world.users["u-1"].entries == {}


async def test_what_is_no_longer_known_gives_the_claim_back_and_claims_again(
    world: World, consent: FakeConsent
) -> None:
    def forget_once() -> None:
        if world.throttle.calls == [("reserve", 1)]:
            consent.known_from = START + timedelta(minutes=1)

    consent.before_answer = forget_once

    decided = await world.dispatch()

    assert decided.reason is Reason.PUSHED
    assert world.throttle.calls == [("reserve", 1), ("release", 1), ("reserve", 2), ("confirm", 2)]


async def test_after_an_unclear_attempt_what_is_no_longer_known_keeps_the_claim(
    world: World, consent: FakeConsent
) -> None:
    world.sender.ends(NO_ANSWER)
    consent.before_answer = lambda: setattr(consent, "known_from", DEADLINE if world.sender.attempts else None)

    decided = await world.dispatch(alert())

    assert (decided.reason, world.sends) == (Reason.PUSH_UNCERTAIN, UNCERTAIN)
    assert "release" not in {call for call, _ in world.throttle.calls}
    assert len(world.sender.attempts) == 1
