"""What an answer of the Coupon API means, or no answer: coupons, or one of our errors (docs/contracts.md).

One odd coupon is passed over by name: its user gets the good ones.
"""

from datetime import timedelta
from typing import ClassVar

import msgspec

from saving_alerts.adapters.http_answer import Answer, BrokenAnswerError, OversizeError
from saving_alerts.domain.coupons import Coupon, CouponAnswer
from saving_alerts.domain.decoding import Decoder, Unreadable, printable
from saving_alerts.domain.events import Identifier
from saving_alerts.domain.passed_over import Oddity, PassedOver, passed_over
from saving_alerts.ports.clock import Clock
from saving_alerts.ports.errors import RefusedError, UnavailableError

API = "the Coupon API"
# The limits of docs/contracts.md: they bound what one answer costs to decode and to pass on.
MAX_BODY_BYTES = 256 * 1024
MAX_COUPONS = 200


class _Named(msgspec.Struct):
    coupon_id: Identifier


_items = Decoder(tuple[msgspec.Raw, ...])
_coupons = Decoder(Coupon, any_year=True)  # coupons without an end are said to end in the year 9999
_names = Decoder(_Named)


class RetryableError(UnavailableError):
    """An attempt failed, another one may succeed, not before `retry_after`. `outcome` is its metric tag.

    `status` is the HTTP status of the answer, None without one.
    """

    outcome: ClassVar[str]

    def __init__(
        self,
        message: str,
        retry_after: timedelta | None = None,
        *,
        counts_for_breaker: bool = True,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after
        self.counts_for_breaker = counts_for_breaker


class CouponApiFailedError(RetryableError):
    """No answer, 408, or 5xx except 503: a failed attempt."""

    outcome = "unavailable"


class ThrottledError(RetryableError):
    """401, 429 or 503: no failed attempt, but no request is to start for a while. The breaker counts 401 and 503."""

    outcome = "throttled"


def no_answer(error: Exception) -> CouponApiFailedError:
    """Our error for a request that got no answer, or half of one."""
    why = printable(str(error) or type(error).__name__)
    return CouponApiFailedError(f"{API} could not be reached or broke off: {why}")


def read_coupons(answer: Answer, merchant_id: str, clock: Clock) -> CouponAnswer:
    """The coupons in an answer. Raises the error that its status means; TimeoutError where its body took too long."""
    match answer.status:
        case 200:
            return coupons_in(_body(answer), merchant_id)
        case 404:
            return CouponAnswer()
        case 429:
            pause = answer.retry_after(clock.now())
            raise ThrottledError(f"{API} answered 429", pause, counts_for_breaker=False, status=429)
        case 401 | 503 as status:  # 401: our token is not taken, or not yet
            raise ThrottledError(f"{API} answered {status}", answer.retry_after(clock.now()), status=status)
        case status if status == 408 or status >= 500:  # noqa: PLR2004 - temporary, by RFC 9110
            raise CouponApiFailedError(f"{API} answered {status}", answer.retry_after(clock.now()), status=status)
        case status:
            raise RefusedError(f"{API} answered {status}", status)


def _body(answer: Answer) -> bytes:
    match answer.body_error:
        case None:
            return answer.body
        case OversizeError() as error:
            raise RefusedError(f"{API} answered with {error}") from error
        case BrokenAnswerError() as error:
            raise no_answer(error) from error
        case error:
            raise error


def coupons_in(body: bytes, merchant_id: str) -> CouponAnswer:
    """The coupons of an answer, with the odd ones by name. Raises RefusedError for what is no list, or too long."""
    items = _items.read(body)
    if isinstance(items, Unreadable):
        raise RefusedError(f"{API}'s answer is unreadable: {items}")
    if len(items) > MAX_COUPONS:
        raise RefusedError(f"{API} answered with {len(items)} coupons, at most {MAX_COUPONS} are read")
    good: list[Coupon] = []
    odd: list[PassedOver] = []
    for number, item in enumerate(items, start=1):
        coupon = _coupon_in(item, number, merchant_id)
        if isinstance(coupon, PassedOver):
            odd.append(coupon)
        else:
            good.append(coupon)
    return CouponAnswer(tuple(good), tuple(odd))


def _coupon_in(item: msgspec.Raw, number: int, merchant_id: str) -> Coupon | PassedOver:
    raw = bytes(item)
    coupon = _coupons.read(raw)
    if isinstance(coupon, Unreadable):
        named = _names.read(raw)
        name = f"number {number} of the answer" if isinstance(named, Unreadable) else named.coupon_id
        return passed_over(name, Oddity.UNREADABLE, f"it cannot be read: {coupon}")
    if coupon.merchant_id != merchant_id:
        return passed_over(coupon.coupon_id, Oddity.OTHER_MERCHANT, f"it is of the merchant {coupon.merchant_id}")
    problem = coupon.discount.problem
    return passed_over(coupon.coupon_id, Oddity.DISCOUNT, problem) if problem else coupon
