"""All that a request to an API waits for before it starts: the rate limit, a slot, the breaker, Retry-After."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from aiolimiter import AsyncLimiter

from saving_alerts.adapters.breaker import NO_WAIT, Breaker
from saving_alerts.dependencies import DependencyState
from saving_alerts.ports.clock import Clock

JITTER = 0.2  # of the wait, added at random: see `_jitter`
MAX_JITTER = timedelta(seconds=1)  # after a long pause the slots spread the requests; a deadline may be near
REPORT_SECONDS = 1.0  # between two reports that the breaker is as it was


class Admission:
    """Lets a request start when a slot is free, the breaker admits it, and no pause that the API asked for is running.

    At most `concurrency` requests are under way, and with `per_second` at most so many start in any second. A request
    that waits for the API holds no slot. While the breaker is open, one request at a time may start as its probe.
    `report_open` is called with 1 while the breaker is open, else with 0: at first, after every outcome that changes
    it, and after others at most once a second.
    `state` is told how the API is: ill while the breaker is open or a pause is running.
    """

    def __init__(
        self,
        concurrency: int,
        breaker: Breaker,
        clock: Clock,
        report_open: Callable[[int], None],
        per_second: int | None = None,
        state: DependencyState | None = None,
    ) -> None:
        self._slots = asyncio.Semaphore(concurrency)
        self._rate_limit = AsyncLimiter(per_second, 1) if per_second else None
        self._breaker = breaker
        self._clock = clock
        self.report_open = report_open
        self._state = state or DependencyState("api", clock.now)
        self._not_before: datetime | None = None
        self._settled: asyncio.Event | None = None  # there is one while somebody waits for the probe
        self._reported = False
        self._report_at = 0.0
        self._report()

    @property
    def is_open(self) -> bool:
        """Whether the breaker holds requests back."""
        return self._breaker.is_open

    @property
    def epoch(self) -> int:
        """The breaker's epoch of a request that starts now, to be given to `answered` or `failed`."""
        return self._breaker.epoch

    def slot(self, deadline: datetime) -> "Slot":
        """Enters with the request's epoch, or with None if the deadline came first. Leaving frees the slot.

        In between call `answered` or `failed`; neither means that the request showed nothing about the API.
        """
        return Slot(self, deadline)

    def answered(self, epoch: int) -> None:
        self._breaker.answered(epoch)
        if not self.is_open and self._pause(self._clock.now()) == NO_WAIT:
            self._state.answered()
        self._wake()
        self._report()

    def failed(self, epoch: int) -> None:
        now = self._clock.now()
        self._breaker.failed(epoch, now)
        if self.is_open:
            self._state.ill(now + (self._pause(now) or NO_WAIT))
        self._wake()
        self._report()

    def leave_alone(self, pause: timedelta) -> None:
        """No request starts before this pause is over. It does not shorten a longer one."""
        until = self._clock.now() + pause
        self._not_before = max(until, self._not_before or until)
        self._state.ill(self._not_before)

    async def enter(self, deadline: datetime) -> int | None:
        """See `slot`, whose beginning it is."""
        now = self._clock.now()
        if now < deadline and self._may_start_at_once(now):
            await self._slots.acquire()  # one is free: nothing is waited for
            return self._breaker.epoch
        return await self._waited(deadline)

    def leave(self, epoch: int) -> None:
        """See `slot`, whose end it is."""
        self._slots.release()
        self._breaker.abandoned(epoch)
        self._wake()

    def _may_start_at_once(self, now: datetime) -> bool:
        """Whether there is nothing to wait for: no rate limit, pause or breaker, and a slot is free."""
        is_plain = self._rate_limit is None and not self._breaker.is_open and not self._slots.locked()
        return is_plain and (self._not_before is None or self._not_before <= now)

    async def _waited(self, deadline: datetime) -> int | None:
        while await self._waited_for_api(deadline) and await self._acquired_slot(deadline):
            # During the wait for a slot another may have become the probe, or the API may have asked for a pause.
            now = self._clock.now()
            epoch = self._breaker.admit(now) if self._pause(now) == NO_WAIT else None
            if epoch is not None:
                return epoch
            self._slots.release()
        return None

    async def _waited_for_api(self, deadline: datetime) -> bool:
        """True when the breaker and the pause allow a request, False if the deadline came first."""
        while (now := self._clock.now()) < deadline:
            pause = self._pause(now)
            if pause == NO_WAIT:
                return True
            if pause is None:
                if not await self._probe_was_settled(deadline - now):
                    return False
            else:
                await self._clock.sleep(min(pause + _jitter(pause), deadline - now))
        return False

    def _pause(self, now: datetime) -> timedelta | None:
        """How long no request may start; None: until the probe that is under way has ended."""
        asked_for = max(self._not_before - now, NO_WAIT) if self._not_before else NO_WAIT
        wait = self._breaker.wait(now)
        return None if wait is None else max(wait, asked_for)

    async def _probe_was_settled(self, within: timedelta) -> bool:
        self._settled = self._settled or asyncio.Event()
        try:
            async with asyncio.timeout(within.total_seconds()):
                return await self._settled.wait()
        except TimeoutError:
            return False

    async def _acquired_slot(self, deadline: datetime) -> bool:
        """The rate limit and a slot, in this order: a request that waits for the rate limit holds no slot."""
        within_rate = self._rate_limit is None or await self._in_time(self._rate_limit.acquire(), deadline)
        return within_rate and await self._in_time(self._slots.acquire(), deadline)

    async def _in_time(self, waiting: Awaitable[object], deadline: datetime) -> bool:
        try:
            async with asyncio.timeout((deadline - self._clock.now()).total_seconds()):
                await waiting
        except TimeoutError:
            return False
        return True

    def _wake(self) -> None:
        if self._settled is not None:
            self._settled.set()
            self._settled = None

    def _report(self) -> None:
        is_open, now = self.is_open, time.monotonic()
        if is_open != self._reported or now >= self._report_at:
            self._reported, self._report_at = is_open, now + REPORT_SECONDS
            self.report_open(int(is_open))


class Slot:
    """What `Admission.slot` gives; it is entered once."""

    __slots__ = ("_admission", "_deadline", "_epoch")

    def __init__(self, admission: Admission, deadline: datetime) -> None:
        self._admission = admission
        self._deadline = deadline

    async def __aenter__(self) -> int | None:
        self._epoch = await self._admission.enter(self._deadline)
        return self._epoch

    async def __aexit__(self, *_: object) -> None:
        if self._epoch is not None:
            self._admission.leave(self._epoch)


def _jitter(pause: timedelta) -> timedelta:
    """At random, so that not all start at once, and the first one, the probe, is not always the same event."""
    return min(pause * JITTER, MAX_JITTER) * random.random()  # noqa: S311
