"""The Coupon API as a `CouponSource`: turns, attempts and pauses around its requests.

An attempt that fails counts against its event or speaks against the API; ADR 25 says which, and why.
"""

import asyncio
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Self

from aiohttp import ClientSession

from saving_alerts.adapters.admission import Admission
from saving_alerts.adapters.breaker import NO_WAIT, Breaker
from saving_alerts.adapters.coupon_request import (
    API,
    CouponRequests,
    Coupons,
    FailedError,
    HttpCouponRequests,
    ThrottledError,
    TryLaterError,
)
from saving_alerts.adapters.event_attempts import EventAttempts, RequestOrder
from saving_alerts.adapters.http_session import Meter
from saving_alerts.metrics import Metric, Metrics
from saving_alerts.ports.clock import Clock
from saving_alerts.ports.errors import DeadlineError, RefusedError

DEFAULT_RETRY_AFTER = timedelta(seconds=1)
MOST_DOUBLINGS = 4  # of the back-off: then an event that alone fails asks every 3 to 6 s


@dataclass(frozen=True, slots=True)
class CouponApiPolicy:
    """Where the API is and how much of it is used. The first pause between attempts is one to two `backoff_seconds`."""

    url: str
    timeout_seconds: float = 4
    total_seconds: float = 15
    attempts: int = 3
    backoff_seconds: float = 0.2
    longest_pause_seconds: float = 60
    concurrency: int = 64
    breaker_failures: int = 10
    breaker_seconds: float = 5


class CouponApi:
    """The `CouponSource`. Who waits, for whatever, holds no slot."""

    def __init__(self, requests: CouponRequests, policy: CouponApiPolicy, clock: Clock, metrics: Metrics) -> None:
        breaker = Breaker(policy.breaker_failures, timedelta(seconds=policy.breaker_seconds))
        report_open = partial(metrics.gauge, Metric.COUPON_API_BREAKER)
        self._requests = requests
        self._policy = policy
        self._clock = clock
        self._admission = Admission(policy.concurrency, breaker, clock, report_open)
        self._order = RequestOrder()
        self._longest_pause = timedelta(seconds=policy.longest_pause_seconds)
        self._meter = Meter(clock, metrics, Metric.COUPON_API_REQUESTS, Metric.COUPON_API_DURATION)

    @classmethod
    def over_http(cls, session: ClientSession, policy: CouponApiPolicy, clock: Clock, metrics: Metrics) -> Self:
        """With a session that `open_session` made; `close` closes it."""
        return cls(HttpCouponRequests(session, policy.url, clock), policy, clock, metrics)

    @property
    def breaker_is_open(self) -> bool:
        """Whether the API is left alone at the moment."""
        return self._admission.is_open

    async def close(self) -> None:
        await self._requests.close()

    async def coupons(self, user_id: str, merchant_id: str, deadline: datetime) -> Coupons:
        """See `CouponSource`."""
        attempts = EventAttempts(self._order, self._policy.attempts, self._policy.total_seconds)
        last: TryLaterError | None = None
        while True:
            try:
                return await self._ask_in_turn(user_id, merchant_id, deadline, attempts)
            except TryLaterError as error:
                last = error
            except DeadlineError as error:
                raise DeadlineError(f"{error}; before that: {last}" if last else str(error)) from last
            if attempts.are_used_up:
                raise last
            await self._clock.sleep(max(NO_WAIT, min(self._backoff(attempts, last), deadline - self._clock.now())))

    async def _ask_in_turn(
        self, user_id: str, merchant_id: str, deadline: datetime, attempts: EventAttempts
    ) -> Coupons:
        async with self._admission.slot(deadline) as epoch:
            if epoch is None:
                raise DeadlineError(f"{API} could not be asked before the deadline")
            attempts.begin(_moment())
            try:
                coupons = await self._ask(user_id, merchant_id, deadline, attempts.seconds_left)
            except TryLaterError as error:
                self._learn_from(error, epoch, attempts)
                raise
            except RefusedError:
                self._answered(epoch, attempts)
                raise
            self._answered(epoch, attempts)
            return coupons

    def _answered(self, epoch: int, attempts: EventAttempts) -> None:
        self._order.answered(attempts.number)
        self._admission.answered(epoch)

    def _learn_from(self, error: TryLaterError, epoch: int, attempts: EventAttempts) -> None:
        if error.is_ill and not self._order.any_answered_after(attempts.number):
            self._admission.failed(epoch)
        if isinstance(error, ThrottledError):
            self._admission.leave_alone(min(error.retry_after or DEFAULT_RETRY_AFTER, self._longest_pause))
            attempts.throttled()
        else:
            attempts.failed(_moment())

    def _backoff(self, attempts: EventAttempts, error: TryLaterError) -> timedelta:
        """Who was throttled waits with all others, for as long as the API asked for."""
        if isinstance(error, ThrottledError):
            return NO_WAIT
        # A free attempt may be followed by any number of others: the exponent has a bound like the pause.
        doublings = min(attempts.failures - 1, MOST_DOUBLINGS)
        seconds = self._policy.backoff_seconds * 2**doublings * random.uniform(1, 2)  # noqa: S311
        return max(timedelta(seconds=seconds), min(error.retry_after or NO_WAIT, self._longest_pause))

    async def _ask(self, user_id: str, merchant_id: str, deadline: datetime, seconds_left: float) -> Coupons:
        with self._meter.request() as ending:
            try:
                coupons = await self._in_time(user_id, merchant_id, deadline, seconds_left)
            except TryLaterError as error:
                ending.outcome = error.outcome
                raise
            except RefusedError:
                ending.outcome = "refused"
                raise
            ending.outcome = "coupons" if coupons else "none"
            return coupons

    async def _in_time(self, user_id: str, merchant_id: str, deadline: datetime, seconds_left: float) -> Coupons:
        """A deadline that leaves too little time says nothing about the API."""
        before_deadline = (deadline - self._clock.now()).total_seconds()
        allowed = min(self._policy.timeout_seconds, seconds_left)
        try:
            async with asyncio.timeout(min(allowed, before_deadline)):
                return await self._requests.get(user_id, merchant_id)
        except TimeoutError as error:
            if before_deadline <= allowed:
                raise DeadlineError(f"{API} gave no answer before the deadline") from error
            raise FailedError(f"{API} gave no answer within {allowed:g} s") from error


def _moment() -> float:
    """Seconds of the event loop's clock, which no operator sets back."""
    return asyncio.get_running_loop().time()
