"""What surrounds the workers of a universe: clocks, the facts, what is remembered on Kafka and in Redis, and chance."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from saving_alerts.domain.push_sends import PushSend
from tests.deterministic.budgets import known_for_long
from tests.deterministic.facts import EventFacts
from tests.deterministic.kafka import Kafka
from tests.deterministic.plan import LEASE_SECONDS, Plan
from tests.deterministic.seeded_loop import Process, SeededLoop
from tests.deterministic.slots import Slots
from tests.deterministic.trace import ProcessDiedError, Trace
from tests.support.fakes.clock import START
from tests.support.fakes.push_sender import FakePushSender
from tests.support.fakes.push_sends import FakePushSends
from tests.support.fakes.throttle import FakeThrottle

Result = TypeVar("Result")


class SimulatedClock:
    """The world's time, and so many seconds more."""

    def __init__(self, loop: SeededLoop, ahead_seconds: float) -> None:
        self._loop = loop
        self._start = START + timedelta(seconds=ahead_seconds)

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._loop.time())

    async def sleep(self, duration: timedelta) -> None:
        await asyncio.sleep(max(0.0, duration.total_seconds()))


class Actor(Protocol):
    """A worker, as far as its surroundings look at it."""

    name: str
    process: Process
    is_drained: bool


class World:
    """`is_calm`: from here on nothing goes wrong any more. `notice` is told what each worker does.

    `keeps_back` says whether a user is to get no push, whatever happens.

    `late_pushes` are the users, and the moments, of pushes that were accepted after their worker had given up.
    """

    def __init__(self, loop: SeededLoop, plan: Plan) -> None:
        redis_skew, api_skew, *self.worker_skews = plan.skews
        self.loop, self.plan, self.odds, self.random = loop, plan, plan.odds, loop.random
        self.trace = Trace(loop)
        self.clock = SimulatedClock(loop, 0)
        self.facts: dict[str, EventFacts] = {}
        self.kafka = Kafka(self.trace, self.clock, self.facts)
        known = known_for_long() if plan.budget else None
        self.redis = FakeThrottle(SimulatedClock(loop, redis_skew), LEASE_SECONDS, known)
        self.push_api = FakePushSender(SimulatedClock(loop, api_skew))
        self.sends: defaultdict[str, tuple[PushSend, ...]] = defaultdict(tuple)
        self.changelog = FakePushSends(self.clock, self.sends)
        self.redis_is_away = self.kafka_is_away = False
        self.is_calm = False
        self.late_pushes: list[tuple[str, float]] = []
        self.slots = Slots()
        self.notice: Callable[[Actor, str], None] = lambda *_: None
        self.keeps_back: Callable[[str], bool] = lambda _: False

    def chance(self, odds: float) -> bool:
        return odds > 0 and not self.is_calm and self.random.random() < odds

    def soon(self, most_seconds: float) -> float:
        """How long something takes: mostly a moment."""
        return self.random.random() ** 3 * most_seconds

    def later(self, seconds: float, happen: Callable[..., object], *arguments: object) -> None:
        """In the world, whatever becomes of who asks for it."""
        self.loop.call_later(seconds, happen, *arguments, context=self.loop.world.context)

    def spawn(self, work: Coroutine[Any, Any, Result]) -> "asyncio.Task[Result]":
        return self.loop.create_task(work, context=self.loop.world.context)

    def did(self, worker: Actor, what: str, *details: object) -> None:
        """A worker does this now. Raises ProcessDiedError where it is dead, or dies of it."""
        if worker.process.is_dead or self.loop.is_over:
            raise ProcessDiedError
        self.trace.tell(worker.name, what, *details)
        if worker.is_drained:
            self.trace.breaks(f"after its drain {worker.name} still {what}")
        self.notice(worker, what)
        if worker.process.is_dead:
            raise ProcessDiedError

    def arrives(self, worker: Actor, what: str, *details: object) -> None:
        """What a worker sent has an effect now, whether it lives or not."""
        self.trace.tell(worker.name, what, *details)
        self.notice(worker, what)

    def fact(self, position: object) -> EventFacts:
        return self.facts[str(position)]

    def lose(self, what: str, positions: Callable[[EventFacts], bool]) -> None:
        """A claim was forgotten, or its holder is gone."""
        for fact in self.facts.values():
            user = self.redis.users.get(fact.user_id)
            fact.has_entry = user is not None and any(str(own[0]) == fact.position for own in user.entries)
            if positions(fact):
                fact.lose(what)


def at_once(work: Coroutine[Any, Any, Result]) -> Result:
    """The result of what only lets others go first."""
    while True:
        try:
            work.send(None)
        except StopIteration as end:
            result: Result = end.value
            return result


def settle(answer: "asyncio.Future[Result]", result: Result) -> None:
    """Whoever waits for it may have given up."""
    if not answer.done():
        answer.set_result(result)


def refuse(answer: "asyncio.Future[Any]", error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
