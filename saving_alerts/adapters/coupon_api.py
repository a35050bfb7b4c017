"""The Coupon API over HTTP: slot, breaker and retries around one GET."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import quote

import stamina
from aiohttp import ClientSession, ClientTimeout
from yarl import URL

from saving_alerts.adapters.admission import Admission
from saving_alerts.adapters.breaker import Breaker
from saving_alerts.adapters.coupon_answers import (
    API,
    NO_ANSWER,
    CouponApiFailedError,
    Coupons,
    RetryableError,
    ThrottledError,
    read_coupons,
    translated,
)
from saving_alerts.adapters.http_session import Meter
from saving_alerts.metrics import Metric, Metrics
from saving_alerts.ports.clock import Clock
from saving_alerts.ports.errors import DeadlineError, RefusedError

HEADERS = {"Accept": "application/json"}


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
    concurrency: int = 64
    breaker_failures: int = 10
    breaker_seconds: float = 5


class CouponApi:
    """The CouponSource port over HTTP. It owns the session, which `open_session` makes, and closes it."""

    def __init__(self, session: ClientSession, policy: CouponApiPolicy, clock: Clock, metrics: Metrics) -> None:
        breaker = Breaker(policy.breaker_failures, timedelta(seconds=policy.breaker_seconds))
        report_open = partial(metrics.gauge, Metric.COUPON_API_BREAKER)
        self._session = session
        self._policy = policy
        self._clock = clock
        self._admission = Admission(policy.concurrency, breaker, clock, report_open)
        self._meter = Meter(clock, metrics, Metric.COUPON_API_REQUESTS, Metric.COUPON_API_DURATION)
        self._retries = stamina.AsyncRetryingCaller(
            attempts=policy.attempts,
            timeout=None,  # stamina would sleep beyond it; `_ask_with_retries` has its own
            wait_initial=policy.backoff_seconds,
            wait_jitter=policy.backoff_seconds,
        )

    @property
    def breaker_is_open(self) -> bool:
        """Whether the breaker holds requests back."""
        return self._admission.is_open

    async def close(self) -> None:
        await self._session.close()

    async def coupons(self, user_id: str, merchant_id: str, deadline: datetime) -> Coupons:
        """See `CouponSource`."""
        failures: list[datetime] = []
        while True:
            began = self._clock.now()
            try:
                return await self._ask_in_turn(user_id, merchant_id, deadline, failures)
            except CouponApiFailedError:
                # If the API has answered no other event since, it is at fault, not this event: ask again until the
                # deadline (docs/adr/0010-who-is-to-blame-for-a-failed-ask.md).
                if self._admission.has_answered_since(failures[0] if failures else began):
                    raise

    async def _ask_in_turn(
        self, user_id: str, merchant_id: str, deadline: datetime, failures: list[datetime]
    ) -> Coupons:
        async with self._admission.slot(deadline) as epoch:
            if epoch is None:
                raise DeadlineError(f"{API} could not be asked before the deadline")
            try:
                coupons = await self._ask_with_retries(user_id, merchant_id, deadline, failures)
            except CouponApiFailedError:
                self._admission.failed(epoch)
                raise
            except (ThrottledError, RefusedError):
                self._admission.answered(epoch)
                raise
            self._admission.answered(epoch)
            return coupons

    async def _ask_with_retries(
        self, user_id: str, merchant_id: str, deadline: datetime, failures: list[datetime]
    ) -> Coupons:
        """Appends the moment of every attempt that failed to `failures`."""
        total_ends = self._clock.now() + timedelta(seconds=self._policy.total_seconds)
        ends = min(total_ends, deadline)
        try:
            async with asyncio.timeout((ends - self._clock.now()).total_seconds()):
                return await self._retries(partial(self._backoff, ends, failures), self._ask, user_id, merchant_id)
        except TimeoutError as error:
            # If the deadline left less than `total_seconds`, the timeout does not count as a failure of the API.
            ours = DeadlineError if ends == deadline else CouponApiFailedError
            raise ours(f"{API} gave no answer in the time that was left") from error

    def _backoff(self, ends: datetime, failures: list[datetime], error: Exception) -> bool | timedelta:
        """For stamina: whether to try again, or the pause before it. No retry if Retry-After goes beyond `ends`."""
        if not isinstance(error, RetryableError):
            return False
        failures.append(self._clock.now())
        if error.retry_after is None:
            return True
        return error.retry_after if self._clock.now() + error.retry_after < ends else False

    async def _ask(self, user_id: str, merchant_id: str) -> Coupons:
        with self._meter.request() as request:
            try:
                coupons = await self._get(self._url(user_id, merchant_id), merchant_id)
            except RetryableError as error:
                request.outcome = error.outcome
                raise
            except RefusedError:
                request.outcome = "refused"
                raise
            request.outcome = "coupons" if coupons else "none"
            return coupons

    async def _get(self, url: URL, merchant_id: str) -> Coupons:
        seconds = self._policy.timeout_seconds
        timeout = ClientTimeout(total=seconds)
        with translated(NO_ANSWER, seconds=seconds):
            async with self._session.get(url, headers=HEADERS, allow_redirects=False, timeout=timeout) as response:
                return await read_coupons(response, merchant_id, self._clock.now())

    def _url(self, user_id: str, merchant_id: str) -> URL:
        path = f"/users/{_segment(user_id)}/merchants/{_segment(merchant_id)}/coupons"
        return URL(self._policy.url.rstrip("/") + path, encoded=True)


def _segment(text: str) -> str:
    """The text as one segment of a path, percent-encoded: also `.` and `..`, which would lead out of the path."""
    return text.replace(".", "%2E") if text in {".", ".."} else quote(text, safe="")
