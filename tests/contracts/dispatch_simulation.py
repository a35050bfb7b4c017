"""The real dispatcher of several workers on a real throttle; a test controls the clock, the push API and the schedule.

A dispatch runs only when the test resumes it, until it waits again: for a response of the push API, or for the end of a
pause. So one of them runs at a time, and a test can try every interleaving. The push API keeps its contract; the
promises are checked whenever it accepts a push.
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
from saving_alerts.ports.throttle import Claim, ControlCharge, Reservation, View
from tests.contracts.throttle_pair import Answer, Call, ThrottlePair
from tests.support.fakes.kill_switches import FakeKillSwitches
from tests.support.fakes.push_sends import NoPushSends

LEASE_LEFT = timedelta(seconds=7)
SENT = (Reason.PUSHED, Reason.PUSH_UNCERTAIN)
LONG_PAUSE = timedelta(seconds=61)
MAX_ROUNDS = 40
SHORT_RETRY = timedelta(seconds=1)

PushApiResponse = Literal["by the contract", "request delayed", "answer lost", "400", "429"]
CallOutcome = Literal["answered", "answer lost", "call delayed"]


@dataclass(frozen=True)
class Request:
    """`flushes_before`: how often Redis had lost its data when its dispatch began."""

    alert: Alert
    key: str
    not_after: datetime
    flushes_before: int

    def __repr__(self) -> str:
        return f"request for {self.alert.event_id} until {self.not_after}"


@dataclass(eq=False)
class RunningDispatch:
    """A dispatch that has not ended. It waits for `parked`: for the response to `request`, or in a pause."""

    worker: str
    alert: Alert
    flushes_before: int
    task: "asyncio.Task[Decided]"
    parked: "asyncio.Future[Attempt | None] | None" = None
    request: Request | None = None
    unclear: bool = False

    def __repr__(self) -> str:
        return f"{self.worker} on {self.alert.position}, {'asking' if self.request else 'pausing'}"


@dataclass(frozen=True)
class DeliveredPush:
    """A push that the push API has accepted."""

    request: Request
    at: datetime


class DispatchSimulation:
    """`next_call` is the outcome of the next call to Redis. `in_flight`: requests whose caller has given up."""

    def __init__(self, pair: ThrottlePair, caps: tuple[Cap, ...]) -> None:
        self.pair = pair
        self.caps = caps
        self.next_call: CallOutcome = "answered"
        self.redis_flushes = 0
        self.running: list[RunningDispatch] = []
        self.in_flight: list[Request] = []
        self.delivered: list[DeliveredPush] = []
        self._claim_numbers = itertools.count(1)
        self._moved: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def start_dispatch(self, worker: str, alert: Alert) -> None:
        """`worker` takes `alert` from Kafka."""
        rules = RuleSet("rules-1", self.caps, {}, ())
        task = asyncio.ensure_future(self._dispatcher(worker).dispatch_push(alert, rules))
        running = RunningDispatch(worker, alert, self.redis_flushes, task)
        self.running.append(running)
        await self._until_parked(running, lambda: None)

    async def answer(self, running: RunningDispatch, how: PushApiResponse) -> None:
        request, running.request = running.request, None
        assert request is not None
        attempt = self._answered(request, how)
        running.unclear |= isinstance(attempt, Unclear)
        await self._until_parked(running, lambda: _wake(running, attempt))

    async def resume(self, running: RunningDispatch) -> None:
        """Its pause is over."""
        await self._until_parked(running, lambda: _wake(running, None))

    async def cancel(self, running: RunningDispatch) -> None:
        """As a crash or a revoked partition ends it."""
        running.task.cancel()
        await asyncio.wait([running.task])
        self.running.remove(running)
        if running.request:
            self.in_flight.append(running.request)

    def deliver(self, request: Request) -> Attempt:
        """The request arrives: by contract the idempotency key is checked first, then Request-Not-After."""
        if any(delivered.request.key == request.key for delivered in self.delivered):
            return Accepted(409)
        if self.pair.now() > request.not_after:
            return TooLate()
        self.delivered.append(DeliveredPush(request, self.pair.now()))
        self._check_promises()
        return Accepted(201)

    async def flush_redis(self) -> None:
        await self.pair.flush()
        self.redis_flushes += 1

    async def close(self) -> None:
        for running in list(self.running):
            await self.cancel(running)

    async def run_to_completion(self) -> None:
        """Answer all requests and let time pass; raises AssertionError when a dispatch does not end."""
        for _ in range(MAX_ROUNDS):
            for running in list(self.running):
                await (self.answer(running, "by the contract") if running.request else self.resume(running))
            await self.pair.pass_time(LONG_PAUSE)
        assert not self.running, "a dispatch that never ends"

    def _dispatcher(self, worker: str) -> Dispatcher:
        clock_and_push_api = _ClockAndPushApi(self)
        return Dispatcher(
            throttle=_LossyThrottle(self),
            sender=clock_and_push_api,
            push_sends=NoPushSends(),
            kill_switches=FakeKillSwitches(),
            clock=clock_and_push_api,
            incarnation=worker,
            lease_left=LEASE_LEFT,
            claim_numbers=self._claim_numbers,
        )

    def _answered(self, request: Request, how: PushApiResponse) -> Attempt:
        is_known = any(delivered.request.key == request.key for delivered in self.delivered)
        match how:
            case "by the contract":
                return self.deliver(request)
            case "answer lost":
                self.deliver(request)
                return Unclear("the answer was lost")
            case "request delayed":
                self.in_flight.append(request)
                return Unclear("no answer")
            case "400":
                return Accepted(409) if is_known else Refused(400, "bad request")
            case "429":
                return Throttled(SHORT_RETRY)

    async def _until_parked(self, running: RunningDispatch, resume: Callable[[], None]) -> None:
        self._moved = asyncio.get_running_loop().create_future()
        resume()
        waited_for: set[asyncio.Future[Decided] | asyncio.Future[None]] = {running.task, self._moved}
        await asyncio.wait(waited_for, return_when=asyncio.FIRST_COMPLETED)
        if running.task.done():
            self.running.remove(running)
            self._check_answer(running, running.task.result().reason)

    async def park(self, request: Request | None) -> Attempt | None:
        """Called by the running dispatch: wait until the test resumes it."""
        running = self.current()
        running.request = request
        running.parked = asyncio.get_running_loop().create_future()
        parked = running.parked
        self._moved.set_result(None)
        return await parked

    def current(self) -> RunningDispatch:
        return next(running for running in self.running if running.task is asyncio.current_task())

    def _check_answer(self, running: RunningDispatch, reason: Reason) -> None:
        events = [delivered.request.alert.event_id for delivered in self.delivered]
        assert reason is not Reason.PUSHED or running.alert.event_id in events, "a push that nobody got"
        assert reason is not Reason.CONTROL or running.alert.event_id not in events, "a push that its answer denies"
        assert reason in SENT or not running.unclear, f"{reason} after an attempt that may have arrived"

    def _check_promises(self) -> None:
        last = self.delivered[-1]
        assert last.at <= last.request.alert.deadline, "a late push"
        events = [delivered.request.alert.event_id for delivered in self.delivered]
        assert len(events) == len(set(events)), "a second push for one event"
        # A Redis that lost the claims in flight may break a cap; dispatches that began afterwards keep it.
        counted = [delivered for delivered in self.delivered if delivered.request.flushes_before == self.redis_flushes]
        for cap in self.caps if last in counted else ():
            assert sum(_counts(cap, delivered, last) for delivered in counted) <= cap.pushes, f"more than {cap}"


def _counts(cap: Cap, delivered: DeliveredPush, last: DeliveredPush) -> bool:
    same = cap.per is CapPer.USER or delivered.request.alert.merchant_id == last.request.alert.merchant_id
    return same and last.at - delivered.at < timedelta(hours=cap.hours)


def _wake(running: RunningDispatch, attempt: Attempt | None) -> None:
    parked, running.parked = running.parked, None
    assert parked is not None
    parked.set_result(attempt)


@dataclass(frozen=True)
class _ClockAndPushApi:
    """The clock and the push API of a dispatch."""

    simulation: DispatchSimulation

    def now(self) -> datetime:
        return self.simulation.pair.now()

    async def sleep(self, duration: timedelta) -> None:
        await self.simulation.park(None)

    @asynccontextmanager
    async def slot(self, deadline: datetime) -> AsyncIterator[bool]:
        yield self.now() < deadline

    def refusal(self, push: Push) -> Refused | None:
        return None

    async def attempt(self, push: Push, key: str, not_after: datetime) -> Attempt:
        running = self.simulation.current()
        attempt = await self.simulation.park(Request(running.alert, key, not_after, running.flushes_before))
        assert attempt is not None
        return attempt


@dataclass(frozen=True)
class _LossyThrottle:
    """The throttle behind an unreliable network: an answer can be lost, and a call can arrive late or never."""

    simulation: DispatchSimulation

    async def check(self) -> None: ...

    async def look(self, claim: Claim, caps: tuple[Cap, ...]) -> View:
        answer = await self._call(Call("look", claim, caps))
        assert isinstance(answer, View), f"{answer} for {claim}"
        return answer

    async def reserve(self, claim: Claim, caps: tuple[Cap, ...]) -> Reservation:
        answer = await self._call(Call("reserve", claim, caps))
        assert isinstance(answer, Reservation), f"{answer} for {claim}"
        return answer

    async def charge_control(self, claim: Claim, caps: tuple[Cap, ...]) -> ControlCharge:
        answer = await self._call(Call("charge control", claim, caps))
        assert isinstance(answer, ControlCharge), f"{answer} for {claim}"
        return answer

    async def renew(self, claim: Claim) -> datetime | None:
        answer = await self._call(Call("renew", claim))
        return answer if isinstance(answer, datetime) else None

    async def confirm(self, claim: Claim, *, uncertain: bool) -> None:
        await self._call(Call("confirm as uncertain" if uncertain else "confirm", claim))

    async def release(self, claim: Claim) -> bool:
        return await self._call(Call("release", claim)) is True

    async def erase(self, user_id: str) -> datetime | None:
        raise AssertionError("nobody is erased here")

    async def _call(self, call: Call) -> Answer:
        next_call, self.simulation.next_call = self.simulation.next_call, "answered"
        if next_call == "call delayed":
            self.simulation.pair.sent_calls.append((call, self.simulation.pair.now()))
            raise UnavailableError("it will come later, or never")
        answer = await self.simulation.pair.call(call)
        if next_call == "answer lost":
            raise UnavailableError("the answer was lost")
        return answer
