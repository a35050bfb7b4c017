"""Compares this machine's clock with what others say of the time, and holds what was judged by a wrong one.

A wrong clock is no fault of the events: while it is not trusted none of them is called late, or dated ahead. What was
read waits unfinished, so that the intake stops when enough of it does, and nothing is committed.

Redis' time is asked for with each heartbeat, and again before an event is called dated ahead: the clock may have been
set between two heartbeats. `domain/clock_check.py` has the judgement.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic

from saving_alerts.delivery.record_results import BatchResult
from saving_alerts.delivery.work import Run
from saving_alerts.domain.clock_check import NONE, ClockEvidence, ClockJudgement, ClockLimits, judge
from saving_alerts.metrics import Metric, Metrics
from saving_alerts.ports.clock import Clock
from saving_alerts.ports.errors import UnavailableError

log = logging.getLogger(__name__)

# How long what events say is remembered, counted in seconds.
MINUTE_SECONDS = 60
# How often what is held is judged again.
AGAIN = timedelta(seconds=5)


@dataclass(slots=True, eq=False)
class _Counted:
    """How many events were judged, and how many of them were dated ahead: of a second, or of a batch that is held."""

    second: int = 0
    events: int = 0
    ahead: int = 0

    def add(self, other: "_Counted") -> None:
        self.events += other.events
        self.ahead += other.ahead


@dataclass(slots=True)
class ClockWatch:
    """One worker's. `ask` is Redis' time, and raises UnavailableError; an answer stands until the next one.

    `seconds` count on whatever the clock is set to.
    """

    ask: Callable[[], Awaitable[datetime]]
    clock: Clock
    limits: ClockLimits
    metrics: Metrics
    seconds: Callable[[], float] = monotonic
    _redis_ahead: timedelta | None = field(default=None, init=False)
    _asks: int = field(default=0, init=False)
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _minute: deque[_Counted] = field(default_factory=deque, init=False)
    _held: set[_Counted] = field(default_factory=set, init=False)
    _was_trusted: bool = field(default=True, init=False)

    def judgement(self) -> ClockJudgement:
        """As of now. What is held speaks for as long as it is."""
        self._forget()
        counted = [*self._minute, *self._held]
        events, ahead = sum(each.events for each in counted), sum(each.ahead for each in counted)
        return judge(ClockEvidence(self._redis_ahead, events, ahead), self.limits)

    async def believed(self, run: Run) -> BatchResult:
        """What `run` says, once our clock is trusted; until then it is run again every few seconds."""
        counted = _Counted()
        self._held.add(counted)
        try:
            result = await self._judged(run, counted)
            while not self._trusts():
                await self._until_worth_a_try()
                result = await self._judged(run, counted)
            self._remember(counted)
        finally:
            self._held.discard(counted)
        return result

    async def compare(self) -> None:
        """Ask Redis for its time. Without an answer the last one stands."""
        before = self._asks
        async with self._asking:
            if self._asks == before:  # else somebody began to ask after this call, and one answer is enough
                await self._ask()

    async def _ask(self) -> None:
        self._asks += 1
        before = self.clock.now()
        try:
            theirs = await self.ask()
        except UnavailableError as error:
            log.debug("Redis does not say its time: %s", error)  # its own state says so
            return
        self._redis_ahead = _apart(before, theirs, self.clock.now())
        self.metrics.gauge(Metric.CLOCK_OFFSET, self._redis_ahead.total_seconds())

    async def _judged(self, run: Run, counted: _Counted) -> BatchResult:
        result = await run()
        counted.events, counted.ahead = result.records, result.dated_ahead
        if counted.ahead:
            await self.compare()
        return result

    def _trusts(self) -> bool:
        judgement = self.judgement()
        if judgement.trusted is not self._was_trusted:
            self._was_trusted = judgement.trusted
            log.log(logging.WARNING if judgement.trusted else logging.ERROR, "this machine's clock: %s", judgement.text)
        return judgement.trusted

    async def _until_worth_a_try(self) -> None:
        """What Redis says is asked for by the heartbeat: only what events say has to be heard from them again."""
        await self.clock.sleep(AGAIN)
        while not judge(ClockEvidence(self._redis_ahead), self.limits).trusted:
            await self.clock.sleep(AGAIN)

    def _remember(self, counted: _Counted) -> None:
        second = int(self.seconds())
        if not self._minute or self._minute[-1].second != second:
            self._minute.append(_Counted(second))
        self._minute[-1].add(counted)

    def _forget(self) -> None:
        oldest = self.seconds() - MINUTE_SECONDS
        while self._minute and self._minute[0].second < oldest:
            self._minute.popleft()


def _apart(before: datetime, theirs: datetime, after: datetime) -> timedelta:
    """By how much their clock is ahead of ours at least: within the time that the answer took nobody can tell."""
    if theirs > after:
        return theirs - after
    return min(theirs - before, NONE)
