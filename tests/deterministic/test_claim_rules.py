"""A decision is judged by what its own dispatch was told, also where the next one of the same event has begun."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

import pytest

from saving_alerts.domain.reasons import Reason
from saving_alerts.ports.push_sender import Accepted, Attempt, Refused, Unclear
from saving_alerts.ports.throttle import Claim, Granted
from tests.deterministic.claim_rules import ClaimRules
from tests.deterministic.facts import EventFacts
from tests.deterministic.seeded_loop import SeededLoop
from tests.deterministic.trace import Trace
from tests.support.fakes.clock import START, FakeClock
from tests.support.sample_decisions import decision
from tests.support.sample_pushes import PUSH

POSITION = decision(Reason.PUSHED).position
LEASE_UNTIL = START + timedelta(seconds=20)
REFUSED = Refused(400, "bad request")


class Dispatches:
    """Of one event, whose alert stands twice on its topic: each dispatch is a task of its own."""

    def __init__(self) -> None:
        self.loop = SeededLoop(1)
        self.trace = Trace(self.loop)
        fact = EventFacts(str(POSITION), "e-1", "u-1", START + timedelta(minutes=10), is_trigger=True, partition=3)
        fact.is_durable = True
        self.rules = ClaimRules(self.trace, FakeClock(), {str(POSITION): fact}, overlap=True)

    def run(self, *works: Coroutine[Any, Any, None]) -> list[str]:
        async def one_after_the_other() -> None:
            for work in works:
                await asyncio.create_task(work)

        self.loop.run(one_after_the_other())
        return self.trace.broken

    async def attempts(self, number: int, attempt: Attempt) -> None:
        claim = Claim("u-1", "m-1", "e-1", POSITION, "w-1", number)
        self.rules.reserved(claim, Granted(LEASE_UNTIL))
        self.rules.attempts(PUSH, LEASE_UNTIL)
        self.rules.attempted(PUSH, attempt)
        if isinstance(attempt, Refused):
            self.rules.releases(claim)

    async def decides(self, number: int, attempt: Attempt, reason: Reason) -> None:
        await self.attempts(number, attempt)
        self.rules.decided(POSITION, reason)

    async def publishes(self, reason: Reason) -> None:
        self.rules.published(decision(reason))


def test_what_was_refused_may_be_published_while_the_next_attempt_is_accepted() -> None:
    """As universe 2270 of those that gather: `pushed`, which follows, is the stronger answer."""
    its = Dispatches()

    refused, accepted = its.decides(1, REFUSED, Reason.PUSH_REFUSED), its.attempts(2, Accepted(201))

    assert not its.run(refused, accepted, its.publishes(Reason.PUSH_REFUSED))


@pytest.mark.parametrize("reason", [Reason.EXPIRED, Reason.PUSH_REFUSED, Reason.CAPPED])
def test_what_was_unclear_is_not_denied_although_the_next_dispatch_has_begun(reason: Reason) -> None:
    """The next one knows nothing of it, and was all that was asked formerly."""
    its = Dispatches()

    unclear, refused = its.decides(1, Unclear("no answer"), reason), its.attempts(2, REFUSED)

    assert any("docs/claims.md, rule 5:" in each for each in its.run(unclear, refused, its.publishes(reason)))


def test_a_push_is_confirmed_before_it_is_decided() -> None:
    its = Dispatches()

    assert any("docs/claims.md, rule 9:" in each for each in its.run(its.decides(1, Accepted(201), Reason.PUSHED)))
