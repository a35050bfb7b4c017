"""The Coupon API over HTTP: slot, breaker and retries around one GET.

_TryLaterError     an UnavailableError that another attempt may cure
├── _IllError      no answer or 5xx: it speaks against the API
└── _BusyError     408 or 429: the API is alive
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import ClassVar
from urllib.parse import quote

import stamina
from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout
from yarl import URL

from saving_alerts.adapters.admission import Admission
from saving_alerts.adapters.breaker import Breaker
from saving_alerts.adapters.http_session import Meter, OversizeError, read_bounded, retry_after
from saving_alerts.domain.coupons import Coupon
from saving_alerts.domain.decoding import Decoder, Unreadable
from saving_alerts.metrics import Metric, Metrics
from saving_alerts.ports.clock import Clock
from saving_alerts.ports.errors import DeadlineError, RefusedError, UnavailableError

API = "the Coupon API"
HEADERS = {"Accept": "application/json"}
Coupons = tuple[Coupon, ...]
_coupons = Decoder(Coupons)


@dataclass(frozen=True, slots=True)
class CouponApiPolicy:
    """Where the API is and how much of it is used. The first pause between attempts is one to two `backoff_seconds`."""

    url: str
    timeout_seconds: float = 4
    total_seconds: float = 15
    attempts: int = 3
    backoff_seconds: float = 0.2
    concurrency: int = 64
    breaker_failures: int = 10
    breaker_seconds: float = 5
    max_body_bytes: int = 256 * 1024
    max_coupons: int = 200


class _TryLaterError(UnavailableError):
    outcome: ClassVar[str]

    def __init__(self, message: str, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class _IllError(_TryLaterError):
    outcome = "unavailable"


class _BusyError(_TryLaterError):
    outcome = "throttled"


class CouponApi:
    """The `CouponSource` behind HTTP. It owns the session, which `open_session` makes, and closes it."""

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
            timeout=None,  # stamina's own would sleep beyond it
            wait_initial=policy.backoff_seconds,
            wait_jitter=policy.backoff_seconds,
        )

    @property
    def breaker_is_open(self) -> bool:
        """Whether the API is left alone at the moment."""
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
            except _IllError:
                # While nobody else is answered, this event holds like those that have not asked yet.
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
            except _IllError:
                self._admission.failed(epoch)
                raise
            except (_BusyError, RefusedError):
                self._admission.answered(epoch)
                raise
            self._admission.answered(epoch)
            return coupons

    async def _ask_with_retries(
        self, user_id: str, merchant_id: str, deadline: datetime, failures: list[datetime]
    ) -> Coupons:
        """`failures` gets the moment of every attempt that failed."""
        total_ends = self._clock.now() + timedelta(seconds=self._policy.total_seconds)
        ends = min(total_ends, deadline)
        try:
            async with asyncio.timeout((ends - self._clock.now()).total_seconds()):
                return await self._retries(partial(self._backoff, ends, failures), self._ask, user_id, merchant_id)
        except TimeoutError as error:
            # A deadline that left too little time says nothing about the API.
            kind = DeadlineError if ends == deadline else _IllError
            raise kind(f"{API} gave no answer in the time that was left") from error

    def _backoff(self, ends: datetime, failures: list[datetime], error: Exception) -> bool | timedelta:
        if not isinstance(error, _TryLaterError):
            return False
        failures.append(self._clock.now())
        if error.retry_after is None:
            return True
        return error.retry_after if self._clock.now() + error.retry_after < ends else False

    async def _ask(self, user_id: str, merchant_id: str) -> Coupons:
        with self._meter.request() as ending:
            try:
                coupons = await self._get(self._url(user_id, merchant_id), merchant_id)
            except _TryLaterError as error:
                ending.outcome = error.outcome
                raise
            except RefusedError:
                ending.outcome = "refused"
                raise
            ending.outcome = "coupons" if coupons else "none"
            return coupons

    async def _get(self, url: URL, merchant_id: str) -> Coupons:
        timeout = ClientTimeout(total=self._policy.timeout_seconds)
        try:
            async with self._session.get(url, headers=HEADERS, allow_redirects=False, timeout=timeout) as response:
                return await _read(response, merchant_id, self._policy, self._clock.now())
        except TimeoutError as error:
            raise _IllError(f"{API} gave no answer within {self._policy.timeout_seconds:g} s") from error
        except (ClientError, OSError) as error:
            raise _IllError(f"{API} could not be reached or broke off: {error or type(error).__name__}") from error

    def _url(self, user_id: str, merchant_id: str) -> URL:
        path = f"/users/{_segment(user_id)}/merchants/{_segment(merchant_id)}/coupons"
        return URL(self._policy.url.rstrip("/") + path, encoded=True)


def _segment(text: str) -> str:
    """One segment of a path, whatever is in the text: `..` would otherwise lead out of it."""
    return text.replace(".", "%2E") if text in {".", ".."} else quote(text, safe="")


async def _read(response: ClientResponse, merchant_id: str, policy: CouponApiPolicy, now: datetime) -> Coupons:
    """The coupons in a response. Raises the error that it means."""
    match response.status:
        case 200:
            return _checked(await _body(response, policy), merchant_id, policy)
        case 404:
            return ()
        case 408 | 429 as status:
            raise _BusyError(f"{API} answered {status}", retry_after(response, now))
        case status if status >= 500:  # noqa: PLR2004 - the class of a status
            raise _IllError(f"{API} answered {status}", retry_after(response, now))
        case status:
            raise RefusedError(f"{API} answered {status}", status)


async def _body(response: ClientResponse, policy: CouponApiPolicy) -> bytes:
    try:
        return await read_bounded(response, policy.max_body_bytes)
    except OversizeError as error:
        raise RefusedError(f"{API} answered with {error}") from error


def _checked(body: bytes, merchant_id: str, policy: CouponApiPolicy) -> Coupons:
    coupons = _coupons.read(body)
    if isinstance(coupons, Unreadable):
        raise RefusedError(f"{API}'s answer is unreadable: {coupons}")
    if len(coupons) > policy.max_coupons:
        raise RefusedError(f"{API} answered with {len(coupons)} coupons, at most {policy.max_coupons} are read")
    for index, coupon in enumerate(coupons):
        if coupon.merchant_id != merchant_id:
            raise RefusedError(f"{API} answered with another merchant's coupon - at `$[{index}].merchant_id`")
    return coupons
