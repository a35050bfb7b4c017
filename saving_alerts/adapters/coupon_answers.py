"""What an answer of the Coupon API means, or no answer: coupons, or one of our errors (docs/contracts.md)."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import ClassVar

import msgspec
from aiohttp import ClientError, ClientResponse

from saving_alerts.adapters.http_session import OversizeError, read_bounded, retry_after
from saving_alerts.domain.coupons import Coupon
from saving_alerts.ports.errors import PortError, RefusedError, UnavailableError

API = "the Coupon API"
# The limits of docs/contracts.md: they bound what one answer costs to decode and to pass on.
MAX_BODY_BYTES = 256 * 1024
MAX_COUPONS = 200
Coupons = tuple[Coupon, ...]
_decoder = msgspec.json.Decoder(Coupons)


class RetryableError(UnavailableError):
    """An attempt failed, another one may succeed, not before `retry_after`. `outcome` is its metric tag."""

    outcome: ClassVar[str]

    def __init__(self, message: str, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class CouponApiFailedError(RetryableError):
    """No answer, or 5xx: the breaker counts it."""

    outcome = "unavailable"


class ThrottledError(RetryableError):
    """408 or 429: the API works, so the breaker does not count it."""

    outcome = "throttled"


Translation = tuple[type[Exception], type[PortError], str]
# What a request without an answer raises → our error and its text. The first row that fits counts.
NO_ANSWER: tuple[Translation, ...] = (
    (TimeoutError, CouponApiFailedError, f"{API} gave no answer within {{seconds:g}} s"),
    (ClientError, CouponApiFailedError, f"{API} could not be reached or broke off: {{error}}"),
    (OSError, CouponApiFailedError, f"{API} could not be reached or broke off: {{error}}"),
)
# What an answer that cannot be used raises → our error and its text.
_UNUSABLE_ANSWER: tuple[Translation, ...] = (
    (OversizeError, RefusedError, f"{API} answered with {{error}}"),
    (msgspec.DecodeError, RefusedError, f"{API}'s answer is unreadable: {{error}}"),
    (UnicodeDecodeError, RefusedError, f"{API}'s answer is unreadable: {{error}}"),
    (RecursionError, RefusedError, f"{API}'s answer is unreadable: {{error}}"),
)


@contextmanager
def translated(table: tuple[Translation, ...], **values: float) -> Iterator[None]:
    """Raises our error of the table for a foreign one inside. `values` are for its text."""
    try:
        yield
    except tuple(foreign for foreign, _, _ in table) as error:
        ours, text = next((ours, text) for foreign, ours, text in table if isinstance(error, foreign))
        raise ours(text.format(error=error, **values)) from error


async def read_coupons(response: ClientResponse, merchant_id: str, now: datetime) -> Coupons:
    """The coupons in a response. Raises the error that its status means."""
    match response.status:
        case 200:
            return _checked(await _decoded(response), merchant_id)
        case 404:
            return ()
        case 408 | 429 as status:
            raise ThrottledError(f"{API} answered {status}", retry_after(response, now))
        case status if status >= 500:  # noqa: PLR2004 - the class of a status
            raise CouponApiFailedError(f"{API} answered {status}", retry_after(response, now))
        case status:
            raise RefusedError(f"{API} answered {status}", status)


async def _decoded(response: ClientResponse) -> Coupons:
    with translated(_UNUSABLE_ANSWER):
        return _decoder.decode(await read_bounded(response, MAX_BODY_BYTES))


def _checked(coupons: Coupons, merchant_id: str) -> Coupons:
    """Raises RefusedError for too many coupons, or one of another merchant."""
    if len(coupons) > MAX_COUPONS:
        raise RefusedError(f"{API} answered with {len(coupons)} coupons, at most {MAX_COUPONS} are read")
    for index, coupon in enumerate(coupons):
        if coupon.merchant_id != merchant_id:
            raise RefusedError(f"{API} answered with another merchant's coupon - at `$[{index}].merchant_id`")
    return coupons
