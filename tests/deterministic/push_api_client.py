"""The push API of one worker: refusals, pauses, lost and late requests, lost answers."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from saving_alerts.domain.alerts import Push
from saving_alerts.ports.clock import Clock
from saving_alerts.ports.push_sender import Accepted, Attempt, Refused, Throttled, Unclear
from tests.deterministic.claim_rules import ClaimRules
from tests.deterministic.plan import ATTEMPT_SECONDS, LEASE_SECONDS
from tests.deterministic.world import Actor, World, at_once, settle
from tests.support.fakes.push_sender import FakePushSender

# Is called as an attempt begins, and says whose rules it is under.
Look = Callable[[Push, datetime], ClaimRules]


class PushApiClient:
    """The API itself is `world.push_api`, which keeps docs/contracts.md."""

    def __init__(self, world: World, worker: Actor, clock: Clock, look: Look) -> None:
        self._world, self._worker, self._clock, self._look = world, worker, clock, look
        self._slots = FakePushSender(clock, concurrency=2)

    @asynccontextmanager
    async def slot(self, deadline: datetime) -> AsyncIterator[bool]:
        async with self._slots.slot(deadline) as may_start:
            yield may_start

    def refusal(self, push: Push) -> Refused | None:
        return self._slots.refusal(push)

    async def attempt(self, push: Push, key: str, not_after: datetime) -> Attempt:
        rules = self._look(push, not_after)
        self._world.did(self._worker, "attempt", push.trace.event_id, "not after", f"{not_after:%H:%M:%S.%f}")
        await asyncio.sleep(self._world.soon(0.1))
        answer: asyncio.Future[Attempt] = self._world.loop.create_future()
        self._send(push, key, not_after, answer)
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                result = await answer
        except TimeoutError:
            result = Unclear("no answer in time")
        if isinstance(result, Throttled):
            self._slots.goes_down(self._clock.now() + result.retry_after)
        rules.attempted(push, result)
        return result

    def _send(self, push: Push, key: str, not_after: datetime, answer: "asyncio.Future[Attempt]") -> None:
        """What becomes of the request. Nothing of `answer`: the answer is lost, or there is none."""
        world, odds = self._world, self._world.odds
        if world.chance(odds.push_dropped):
            return
        delay, heard = world.soon(1.0), not world.chance(odds.push_answer_lost)
        if world.chance(odds.push_late):
            delay = world.random.uniform(world.random.choice((1, 2.5)) * ATTEMPT_SECONDS, LEASE_SECONDS)
        ending: Callable[[], Attempt] = lambda: at_once(world.push_api.attempt(push, key, not_after))  # noqa: E731
        if world.chance(odds.push_throttled):
            pause = timedelta(seconds=world.random.uniform(0.1, 5))
            ending = lambda: Throttled(pause)  # noqa: E731
        elif world.chance(odds.push_refused):
            ending = lambda: self._refused(key)  # noqa: E731
        world.later(delay, self._arrive, push, ending, answer if heard else None)

    def _refused(self, key: str) -> Attempt:
        """A key that was accepted before is known before anything else is looked at."""
        is_known = any(sent.key == key for sent in self._world.push_api.accepted)
        return Accepted(409) if is_known else Refused(400, "bad request")

    def _arrive(self, push: Push, ending: Callable[[], Attempt], answer: "asyncio.Future[Attempt] | None") -> None:
        known = len(self._world.push_api.accepted)
        result = ending()
        if answer is None or answer.done():
            self._world.late_pushes += [
                (push.user_id, self._world.loop.time()) for _ in self._world.push_api.accepted[known:]
            ]
        self._world.arrives(self._worker, "push arrives", push.trace.event_id, "->", result)
        if answer is not None:
            self._world.later(self._world.soon(1.0), settle, answer, result)
