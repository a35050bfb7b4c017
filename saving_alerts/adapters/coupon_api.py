"""The Coupon API as a `CouponSource`: slots, attempts and pauses around its requests.

A failed attempt counts against its event, or it is free: docs/adr/0025-an-attempt-counts-if-others-are-answered.md.
"""

import asyncio
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Self

from msgspec.structs import replace

from saving_alerts.adapters.admission import Admission
from saving_alerts.adapters.breaker import NO_WAIT, Breaker
from saving_alerts.adapters.coupon_answers import API, CouponApiFailedError, RetryableError, ThrottledError
from saving_alerts.adapters.coupon_request import CouponRequests, HttpCouponRequests
from saving_alerts.adapters.event_attempts import EventAttempts, RequestOrder
from saving_alerts.adapters.http_answer import in_words_of_status
from saving_alerts.adapters.http_client import HttpClient
from saving_alerts.adapters.meter import Meter
from saving_alerts.dependencies import COUPON_API, DependencyState
from saving_alerts.domain.coupons import CouponAnswer
from saving_alerts.domain.failed_asks import one_more
from saving_alerts.http_access import HttpAccess
from saving_alerts.metrics import Metric, Metrics
from saving_alerts.ports.clock import Clock
from saving_alerts.ports.errors import DeadlineError, PortError, RefusedError

DEFAULT_RETRY_AFTER = timedelta(seconds=1)
MOST_DOUBLINGS = 4  # of the back-off: after them an event that fails alone starts an attempt every 3 to 6 s


@dataclass(frozen=True, slots=True)
class CouponApiPolicy:
    """Where the API is, and the limits of requests to it. The defaults are those of docs/contracts.md.

    The first pause between two attempts is one to two `backoff_seconds`, without a Retry-After.
    """

    url: str
    timeout_seconds: float = 4
    total_seconds: float = 15
    attempts: int = 3
    backoff_seconds: float = 0.2
    longest_pause_seconds: float = 60
    concurrency: int = 64
    breaker_failures: int = 10
    breaker_seconds: float = 5
    access: HttpAccess = field(default_factory=HttpAccess)


class CouponApi:
    """The CouponSource port. An event that waits, for whatever, holds no slot."""

    def __init__(
        self,
        requests: CouponRequests,
        policy: CouponApiPolicy,
        clock: Clock,
        metrics: Metrics,
        state: DependencyState | None = None,
    ) -> None:
        breaker = Breaker(policy.breaker_failures, timedelta(seconds=policy.breaker_seconds))
        report_open = partial(metrics.gauge, Metric.COUPON_API_BREAKER)
        self._requests = requests
        self._policy = policy
        self._clock = clock
        self._metrics = metrics
        self._state = state or DependencyState(COUPON_API, clock.now)
        self._admission = Admission(policy.concurrency, breaker, clock, report_open, state=self._state)
        self._order = RequestOrder()
        self._longest_pause = timedelta(seconds=policy.longest_pause_seconds)
        self._meter = Meter(clock, metrics, Metric.COUPON_API_REQUESTS, Metric.COUPON_API_DURATION)

    @classmethod
    def over_http(
        cls, policy: CouponApiPolicy, clock: Clock, metrics: Metrics, state: DependencyState | None = None
    ) -> Self:
        """With an HTTP client of its own. To be called in the event loop."""
        client = HttpClient.of(policy.url, policy.access)
        return cls(HttpCouponRequests(client, clock), policy, clock, metrics, state)

    @property
    def breaker_is_open(self) -> bool:
        """Whether the breaker holds requests back."""
        return self._admission.is_open

    async def close(self) -> None:
        await self._requests.close()

    async def coupons(self, user_id: str, merchant_id: str, deadline: datetime) -> CouponAnswer:
        """See `CouponSource`."""
        attempts = EventAttempts(self._order, self._policy.attempts, self._policy.total_seconds)
        try:
            answer = await self._answer(user_id, merchant_id, deadline, attempts)
        except PortError as error:
            error.failed_asks = attempts.failed_asks
            raise
        return replace(answer, failed_asks=attempts.failed_asks) if attempts.failed_asks else answer

    async def _answer(
        self, user_id: str, merchant_id: str, deadline: datetime, attempts: EventAttempts
    ) -> CouponAnswer:
        last: RetryableError | None = None
        while True:
            try:
                return await self._ask_in_slot(user_id, merchant_id, deadline, attempts)
            except RetryableError as error:
                last = error
            except DeadlineError as error:
                raise DeadlineError(f"{error}; before that: {last}" if last else str(error)) from last
            if attempts.are_used_up:
                raise last
            await self._clock.sleep(max(NO_WAIT, min(self._backoff(attempts, last), deadline - self._clock.now())))

    async def _ask_in_slot(
        self, user_id: str, merchant_id: str, deadline: datetime, attempts: EventAttempts
    ) -> CouponAnswer:
        async with self._admission.slot(deadline) as epoch:
            if epoch is None:
                raise DeadlineError(f"{API} could not be asked before the deadline")
            attempts.begin(_moment())
            try:
                answer = await self._ask(user_id, merchant_id, deadline, attempts.seconds_left)
            except RetryableError as error:
                self._failed(error, epoch, attempts)
                raise
            except RefusedError:
                self._answered(epoch, attempts)
                raise
            self._answered(epoch, attempts)
            return answer

    def _answered(self, epoch: int, attempts: EventAttempts) -> None:
        self._order.answered(attempts.number)
        self._admission.answered(epoch)

    def _failed(self, error: RetryableError, epoch: int, attempts: EventAttempts) -> None:
        """The breaker hears of every attempt at once, unless the API has answered a request that began after it."""
        text = in_words_of_status(error.status) or str(error).removeprefix(f"{API} ")
        self._state.failed(text, error.status)
        one_more(attempts.failed_asks, text)
        if error.counts_for_breaker and not self._order.any_answered_after(attempts.number):
            self._admission.failed(epoch)
        if isinstance(error, ThrottledError):
            self._admission.leave_alone(min(error.retry_after or DEFAULT_RETRY_AFTER, self._longest_pause))
            attempts.throttled()
        else:
            attempts.failed(_moment())

    def _backoff(self, attempts: EventAttempts, error: RetryableError) -> timedelta:
        """The event's own pause; none after 401, 429 or 503, where `Admission` holds all requests."""
        if isinstance(error, ThrottledError):
            return NO_WAIT
        # A free attempt may be followed by any number of others: the exponent has a bound like the pause.
        doublings = min(attempts.failures - 1, MOST_DOUBLINGS)
        seconds = self._policy.backoff_seconds * 2**doublings * random.uniform(1, 2)  # noqa: S311
        return max(timedelta(seconds=seconds), min(error.retry_after or NO_WAIT, self._longest_pause))

    async def _ask(self, user_id: str, merchant_id: str, deadline: datetime, seconds_left: float) -> CouponAnswer:
        with self._meter.request() as request:
            try:
                answer = await self._in_time(user_id, merchant_id, deadline, seconds_left)
            except RetryableError as error:
                request.outcome = error.outcome
                raise
            except RefusedError:
                request.outcome = "refused"
                raise
            request.outcome = "coupons" if answer.coupons else "none"
            for odd in answer.passed_over:
                self._metrics.count(Metric.COUPONS_PASSED_OVER, oddity=odd.oddity)
            return answer

    async def _in_time(self, user_id: str, merchant_id: str, deadline: datetime, seconds_left: float) -> CouponAnswer:
        """If the deadline left less time than an attempt may take, its timeout does not count as a failure."""
        before_deadline = (deadline - self._clock.now()).total_seconds()
        allowed = min(self._policy.timeout_seconds, seconds_left)
        try:
            return await self._requests.get(user_id, merchant_id, min(allowed, before_deadline))
        except TimeoutError as error:
            if before_deadline <= allowed:
                raise DeadlineError(f"{API} gave no answer before the deadline") from error
            raise CouponApiFailedError(f"{API} gave no answer within {allowed:g} s") from error


def _moment() -> float:
    """Seconds of the event loop's clock, which no operator sets back."""
    return asyncio.get_running_loop().time()
