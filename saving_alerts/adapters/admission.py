"""Who may ask an API now: every wait of a request, before it starts."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from aiolimiter import AsyncLimiter

from saving_alerts.adapters.breaker import NO_WAIT, Breaker
from saving_alerts.ports.clock import Clock

JITTER = 0.2  # of the wait
MAX_JITTER = timedelta(seconds=1)  # after a long pause the slots spread the requests; a deadline may be near


class Admission:
    """Lets requests start when a slot is free, the breaker is closed and the API has not asked to be left alone.

    Who waits for the API holds no slot. While the breaker is open, one request at a time is let through as its probe.
    `report_open` is called with whether the breaker is open, at first and after every outcome. With `per_second` no
    more than so many start in any second.
    """

    def __init__(
        self,
        concurrency: int,
        breaker: Breaker,
        clock: Clock,
        report_open: Callable[[bool], None],
        per_second: int | None = None,
    ) -> None:
        self._slots = asyncio.Semaphore(concurrency)
        self._pace = AsyncLimiter(per_second, 1) if per_second else None
        self._breaker = breaker
        self._clock = clock
        self.report_open = report_open
        self._not_before: datetime | None = None
        self._settled = asyncio.Event()
        report_open(self.is_open)

    @property
    def is_open(self) -> bool:
        """Whether the breaker holds requests back."""
        return self._breaker.is_open

    @property
    def epoch(self) -> int:
        """The epoch of a request that starts now, for `answered` and `failed`."""
        return self._breaker.epoch

    @asynccontextmanager
    async def slot(self, deadline: datetime) -> AsyncIterator[int | None]:
        """Enters with the request's epoch, or with None when the deadline came first. Leaving frees the slot."""
        epoch = await self._enter(deadline)
        try:
            yield epoch
        finally:
            if epoch is not None:
                self._leave(epoch)

    def answered(self, epoch: int) -> None:
        self._breaker.answered(epoch)
        self._wake()
        self.report_open(self.is_open)

    def failed(self, epoch: int) -> None:
        self._breaker.failed(epoch, self._clock.now())
        self._wake()
        self.report_open(self.is_open)

    def leave_alone(self, pause: timedelta) -> None:
        """Nobody starts before this pause is over; a longer one that is under way stays."""
        until = self._clock.now() + pause
        self._not_before = max(until, self._not_before or until)

    async def _enter(self, deadline: datetime) -> int | None:
        while await self._waited_for_api(deadline) and await self._took_turn(deadline):
            # Meanwhile another may have become the probe, or the API may have asked for a pause.
            now = self._clock.now()
            epoch = self._breaker.admit(now) if self._pause(now) == NO_WAIT else None
            if epoch is not None:
                return epoch
            self._slots.release()
        return None

    def _leave(self, epoch: int) -> None:
        self._slots.release()
        self._breaker.abandoned(epoch)
        self._wake()

    async def _waited_for_api(self, deadline: datetime) -> bool:
        """True when the API may be asked, False when the deadline came first."""
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
        asked_for = max(self._not_before - now, NO_WAIT) if self._not_before else NO_WAIT
        wait = self._breaker.wait(now)
        return None if wait is None else max(wait, asked_for)

    async def _probe_was_settled(self, within: timedelta) -> bool:
        try:
            async with asyncio.timeout(within.total_seconds()):
                return await self._settled.wait()
        except TimeoutError:
            return False

    async def _took_turn(self, deadline: datetime) -> bool:
        """The pace first: who waits for it holds no slot."""
        in_pace = self._pace is None or await self._in_time(self._pace.acquire(), deadline)
        return in_pace and await self._in_time(self._slots.acquire(), deadline)

    async def _in_time(self, waiting: Awaitable[object], deadline: datetime) -> bool:
        try:
            async with asyncio.timeout((deadline - self._clock.now()).total_seconds()):
                await waiting
        except TimeoutError:
            return False
        return True

    def _wake(self) -> None:
        self._settled.set()
        self._settled = asyncio.Event()


def _jitter(pause: timedelta) -> timedelta:
    """Not all at the same moment, and not always the same one first: it may be the one that always fails."""
    return min(pause * JITTER, MAX_JITTER) * random.random()  # noqa: S311
