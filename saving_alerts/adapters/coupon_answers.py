"""What an answer of the Coupon API means, or no answer: coupons, or one of our errors (docs/contracts.md)."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import ClassVar

from aiohttp import ClientError, ClientResponse

from saving_alerts.adapters.http_session import OversizeError, read_bounded, retry_after
from saving_alerts.domain.coupons import Coupon
from saving_alerts.domain.decoding import Decoder, Unreadable, printable
from saving_alerts.ports.errors import PortError, RefusedError, UnavailableError

API = "the Coupon API"
# The limits of docs/contracts.md: they bound what one answer costs to decode and to pass on.
MAX_BODY_BYTES = 256 * 1024
MAX_COUPONS = 200
Coupons = tuple[Coupon, ...]
_coupons = Decoder(Coupons)


class RetryableError(UnavailableError):
    """An attempt failed, another one may succeed, not before `retry_after`. `outcome` is its metric tag."""

    outcome: ClassVar[str]

    def __init__(self, message: str, retry_after: timedelta | None = None, *, counts_for_breaker: bool = True) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.counts_for_breaker = counts_for_breaker


class CouponApiFailedError(RetryableError):
    """No answer, 408, or 5xx except 503: a failed attempt."""

    outcome = "unavailable"


class ThrottledError(RetryableError):
    """429 or 503: no failed attempt, but no request is to start for a while. The breaker counts 503."""

    outcome = "throttled"


Translation = tuple[type[Exception], type[PortError], str]
# What a request without an answer raises → our error and its text. The first row that fits counts.
NO_ANSWER: tuple[Translation, ...] = (
    (ClientError, CouponApiFailedError, f"{API} could not be reached or broke off: {{error}}"),
    (OSError, CouponApiFailedError, f"{API} could not be reached or broke off: {{error}}"),
)
# What an answer that cannot be used raises → our error and its text.
_UNUSABLE_ANSWER: tuple[Translation, ...] = ((OversizeError, RefusedError, f"{API} answered with {{error}}"),)


@contextmanager
def translated(table: tuple[Translation, ...]) -> Iterator[None]:
    """Raises our error of the table for a foreign one inside."""
    try:
        yield
    except tuple(foreign for foreign, _, _ in table) as error:
        ours, text = next((ours, text) for foreign, ours, text in table if isinstance(error, foreign))
        raise ours(text.format(error=printable(str(error) or type(error).__name__))) from error


async def read_coupons(response: ClientResponse, merchant_id: str, now: datetime) -> Coupons:
    """The coupons in a response. Raises the error that its status means."""
    match response.status:
        case 200:
            return _checked(await _decoded(response), merchant_id)
        case 404:
            return ()
        case 429:
            raise ThrottledError(f"{API} answered 429", retry_after(response, now), counts_for_breaker=False)
        case 503:
            raise ThrottledError(f"{API} answered 503", retry_after(response, now))
        case status if status == 408 or status >= 500:  # noqa: PLR2004 - temporary, by RFC 9110
            raise CouponApiFailedError(f"{API} answered {status}", retry_after(response, now))
        case status:
            raise RefusedError(f"{API} answered {status}", status)


async def _decoded(response: ClientResponse) -> Coupons:
    with translated(_UNUSABLE_ANSWER):
        coupons = _coupons.read(await read_bounded(response, MAX_BODY_BYTES))
    if isinstance(coupons, Unreadable):
        raise RefusedError(f"{API}'s answer is unreadable: {coupons}")
    return coupons


def _checked(coupons: Coupons, merchant_id: str) -> Coupons:
    """Raises RefusedError for too many coupons, or one of another merchant."""
    if len(coupons) > MAX_COUPONS:
        raise RefusedError(f"{API} answered with {len(coupons)} coupons, at most {MAX_COUPONS} are read")
    for index, coupon in enumerate(coupons):
        if coupon.merchant_id != merchant_id:
            raise RefusedError(f"{API} answered with another merchant's coupon - at `$[{index}].merchant_id`")
    return coupons
