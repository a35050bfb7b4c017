"""Workers that really dispatch, on a real throttle, with everything else in the hands of a test.

A dispatch goes on only when the test says so, and until it waits again: for an answer of the push API, or out a pause.
So at any time one of them moves, and every order of their steps can be played. The push API keeps its contract; the
promises are checked whenever it accepts.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from saving_alerts.domain.alerts import Alert, Push
from saving_alerts.domain.caps import Cap, CapPer
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.pipeline.dispatch import Dispatcher
from saving_alerts.pipeline.outcomes import Decided
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.ports.push_sender import Accepted, Attempt, Refused, Throttled, TooLate, Unclear
from saving_alerts.ports.throttle import Claim, Reservation
from tests.contracts.throttle_pair import Answer, Call, ThrottlePair
from tests.support.fakes.kill_switches import FakeKillSwitches
from tests.support.fakes.push_sends import NoPushSends

LEASE_LEFT = timedelta(seconds=7)
SENT = (Reason.PUSHED, Reason.PUSH_UNCERTAIN)
AWHILE = timedelta(seconds=61)
ROUNDS_TO_THE_END = 40
SHORT_RETRY = timedelta(seconds=1)

HowAnswered = Literal["as it comes", "not", "not, but it came", "400", "429"]
Fate = Literal["heard", "unheard", "not done"]


@dataclass(frozen=True)
class Request:
    """`born`: how often Redis had forgotten everything when its dispatch began."""

    alert: Alert
    key: str
    not_after: datetime
    born: int

    def __repr__(self) -> str:
        return f"request for {self.alert.event_id} until {self.not_after}"


@dataclass(eq=False)
class Running:
    """A dispatch under way. It waits in `parked`, for an answer to `request` if it made one."""

    worker: str
    alert: Alert
    born: int
    task: "asyncio.Task[Decided]"
    parked: "asyncio.Future[Attempt | None] | None" = None
    request: Request | None = None
    unclear: bool = False

    def __repr__(self) -> str:
        return f"{self.worker} on {self.alert.position}, {'asking' if self.request else 'pausing'}"


@dataclass(frozen=True)
class Shown:
    """A push that reached its shopper."""

    request: Request
    at: datetime


class Scene:
    """`fate` is what becomes of the next call to Redis. `under_way`: requests that nobody waits for any more."""

    def __init__(self, pair: ThrottlePair, caps: tuple[Cap, ...]) -> None:
        self.pair = pair
        self.caps = caps
        self.fate: Fate = "heard"
        self.times_forgotten = 0
        self.running: list[Running] = []
        self.under_way: list[Request] = []
        self.shown: list[Shown] = []
        self._claim_numbers = itertools.count(1)
        self._moved: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def take(self, worker: str, alert: Alert) -> None:
        """Kafka hands `alert` to `worker`."""
        rules = RuleSet("rules-1", self.caps, {}, ())
        task = asyncio.ensure_future(self._dispatcher(worker).dispatch_push(alert, rules))
        running = Running(worker, alert, self.times_forgotten, task)
        self.running.append(running)
        await self._until_parked(running, lambda: None)

    async def answer(self, running: Running, how: HowAnswered) -> None:
        request, running.request = running.request, None
        assert request is not None
        attempt = self._answered(request, how)
        running.unclear |= isinstance(attempt, Unclear)
        await self._until_parked(running, lambda: _wake(running, attempt))

    async def go_on(self, running: Running) -> None:
        """Its pause is over."""
        await self._until_parked(running, lambda: _wake(running, None))

    async def drop(self, running: Running) -> None:
        """It ends here, in the middle: a crash, or a partition that was taken away."""
        running.task.cancel()
        await asyncio.wait([running.task])
        self.running.remove(running)
        if running.request:
            self.under_way.append(running.request)

    def arrives(self, request: Request) -> Attempt:
        """As the push API has promised: the key first, then the lease."""
        if any(shown.request.key == request.key for shown in self.shown):
            return Accepted(409)
        if self.pair.now() > request.not_after:
            return TooLate()
        self.shown.append(Shown(request, self.pair.now()))
        self._check_promises()
        return Accepted(201)

    async def forget(self) -> None:
        await self.pair.forget()
        self.times_forgotten += 1

    async def close(self) -> None:
        for running in list(self.running):
            await self.drop(running)

    async def play_to_the_end(self) -> None:
        """Whatever is left is answered, and time passes: then every dispatch must have come to its end."""
        for _ in range(ROUNDS_TO_THE_END):
            for running in list(self.running):
                await (self.answer(running, "as it comes") if running.request else self.go_on(running))
            await self.pair.pass_time(AWHILE)
        assert not self.running, "a dispatch that never ends"

    def _dispatcher(self, worker: str) -> Dispatcher:
        hands = _Hands(self)
        return Dispatcher(
            throttle=_HeardThrottle(self),
            sender=hands,
            push_sends=NoPushSends(),
            kill_switches=FakeKillSwitches(),
            clock=hands,
            incarnation=worker,
            lease_left=LEASE_LEFT,
            claim_numbers=self._claim_numbers,
        )

    def _answered(self, request: Request, how: HowAnswered) -> Attempt:
        is_known = any(shown.request.key == request.key for shown in self.shown)
        match how:
            case "as it comes":
                return self.arrives(request)
            case "not, but it came":
                self.arrives(request)
                return Unclear("the answer was lost")
            case "not":
                self.under_way.append(request)
                return Unclear("no answer")
            case "400":
                return Accepted(409) if is_known else Refused(400, "bad request")
            case "429":
                return Throttled(SHORT_RETRY)

    async def _until_parked(self, running: Running, wake: Callable[[], None]) -> None:
        self._moved = asyncio.get_running_loop().create_future()
        wake()
        waited_for: set[asyncio.Future[Decided] | asyncio.Future[None]] = {running.task, self._moved}
        await asyncio.wait(waited_for, return_when=asyncio.FIRST_COMPLETED)
        if running.task.done():
            self.running.remove(running)
            self._check_answer(running, running.task.result().reason)

    async def park(self, request: Request | None) -> Attempt | None:
        """Of the dispatch that runs now: wait for the test."""
        running = self.current()
        running.request = request
        running.parked = asyncio.get_running_loop().create_future()
        parked = running.parked
        self._moved.set_result(None)
        return await parked

    def current(self) -> Running:
        return next(running for running in self.running if running.task is asyncio.current_task())

    def _check_answer(self, running: Running, reason: Reason) -> None:
        events = [shown.request.alert.event_id for shown in self.shown]
        assert reason is not Reason.PUSHED or running.alert.event_id in events, "a push that nobody got"
        assert reason in SENT or not running.unclear, f"{reason} after an attempt that may have arrived"

    def _check_promises(self) -> None:
        last = self.shown[-1]
        assert last.at <= last.request.alert.deadline, "a late push"
        events = [shown.request.alert.event_id for shown in self.shown]
        assert len(events) == len(set(events)), "a second push for one event"
        # A Redis that forgot what is in work breaks a cap; whatever began afterwards keeps it again.
        counted = [shown for shown in self.shown if shown.request.born == self.times_forgotten]
        for cap in self.caps if last in counted else ():
            assert sum(_counts(cap, shown, last) for shown in counted) <= cap.pushes, f"more than {cap}"


def _counts(cap: Cap, shown: Shown, last: Shown) -> bool:
    same = cap.per is CapPer.USER or shown.request.alert.merchant_id == last.request.alert.merchant_id
    return same and last.at - shown.at < timedelta(hours=cap.hours)


def _wake(running: Running, attempt: Attempt | None) -> None:
    parked, running.parked = running.parked, None
    assert parked is not None
    parked.set_result(attempt)


@dataclass(frozen=True)
class _Hands:
    """The clock and the push API of a dispatch."""

    stage: Scene

    def now(self) -> datetime:
        return self.stage.pair.now()

    async def sleep(self, duration: timedelta) -> None:
        await self.stage.park(None)

    @asynccontextmanager
    async def slot(self, deadline: datetime) -> AsyncIterator[bool]:
        yield self.now() < deadline

    async def attempt(self, push: Push, key: str, not_after: datetime) -> Attempt:
        running = self.stage.current()
        attempt = await self.stage.park(Request(running.alert, key, not_after, running.born))
        assert attempt is not None
        return attempt


@dataclass(frozen=True)
class _HeardThrottle:
    """The throttle as a worker hears it: an answer can be lost, and a call can come late."""

    stage: Scene

    async def check(self) -> None: ...

    async def reserve(self, claim: Claim, caps: tuple[Cap, ...]) -> Reservation:
        answer = await self._call(Call("reserve", claim, caps))
        assert isinstance(answer, Reservation), f"{answer} for {claim}"
        return answer

    async def renew(self, claim: Claim) -> datetime | None:
        answer = await self._call(Call("renew", claim))
        return answer if isinstance(answer, datetime) else None

    async def confirm(self, claim: Claim, *, uncertain: bool) -> None:
        await self._call(Call("confirm as uncertain" if uncertain else "confirm", claim))

    async def release(self, claim: Claim) -> bool:
        return await self._call(Call("release", claim)) is True

    async def _call(self, call: Call) -> Answer:
        fate, self.stage.fate = self.stage.fate, "heard"
        if fate == "not done":
            self.stage.pair.copies.append((call, self.stage.pair.now()))
            raise UnavailableError("it will come later, or never")
        answer = await self.stage.pair.call(call)
        if fate == "unheard":
            raise UnavailableError("the answer was lost")
        return answer
