"""The coupons of the Coupon API, and which of them can be used at a moment in a store."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from saving_alerts.domain.decoding import Instant
from saving_alerts.domain.events import Identifier, ValidatedEvent
from saving_alerts.domain.failed_asks import FailedAsks
from saving_alerts.domain.passed_over import NONE_PASSED_OVER, PassedOver, PassedOverCoupons
from saving_alerts.domain.texts.discounts import amount_problem, percent_problem


class DiscountKind(StrEnum):
    PERCENT = "percent"
    AMOUNT = "amount"


_PERCENT = DiscountKind.PERCENT  # looked up once: a member of an enumeration takes longer than a name


class Channel(StrEnum):
    IN_STORE = "in_store"
    ONLINE = "online"
    BOTH = "both"


class Discount(msgspec.Struct, frozen=True):
    """`amount` is in percent, or in units of `currency`."""

    kind: DiscountKind
    amount: Annotated[float, Meta(gt=0)]
    currency: str | None = None

    @property
    def percent(self) -> float | None:
        """None for a fixed amount: its percentage depends on a price that is not known here."""
        return self.amount if self.kind is _PERCENT else None

    @property
    def problem(self) -> str | None:
        """Why nobody can be promised this discount; None if they can."""
        if self.kind is _PERCENT:
            return percent_problem(self.amount)
        return amount_problem(self.amount, self.currency)


class Coupon(msgspec.Struct, frozen=True, kw_only=True):
    """One coupon of an answer of the Coupon API (docs/contracts.md).

    An empty `store_ids` means all stores of the merchant; `remaining` None means no limit.
    """

    coupon_id: Identifier
    merchant_id: Identifier
    title: dict[str, str]
    discount: Discount
    valid_from: Instant
    valid_until: Instant
    channel: Channel
    store_ids: tuple[str, ...] = ()
    remaining: int | None = None
    redeemed: bool = False
    deep_link: Annotated[str, Meta(min_length=1, max_length=1024)]


class CouponAnswer(msgspec.Struct, frozen=True, gc=False):
    """What the Coupon API gave: the coupons that can be read and promised, and the odd ones by name.

    `failed_asks`: the requests that had failed before.
    """

    coupons: tuple[Coupon, ...] = ()
    passed_over: tuple[PassedOver, ...] = ()
    failed_asks: FailedAsks = {}


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A valid trigger with the coupons that its user can use, and what else the rules read.

    The rules are applied as of `looked_at`, the moment at which the coupons were chosen, so that a later replay decides
    the same (docs/adr/0020-rules-as-of-the-candidate.md). The fields that may be None, and the last two, are missing in
    records of older releases; `distance_m`, in metres, is also None where it is not known.
    `failed_asks`: the requests to the Coupon API that failed.
    """

    validated: ValidatedEvent
    coupons: tuple[Coupon, ...]
    looked_at: Instant | None = None
    distance_m: float | None = None
    merchants_version: str | None = None
    passed_over: PassedOverCoupons = NONE_PASSED_OVER
    failed_asks: FailedAsks = {}


def usable(coupon: Coupon, store_id: str | None, now: datetime) -> bool:
    """Whether the coupon can be used now, in this store; without a store id, in any store or online."""
    is_gone = coupon.redeemed or (coupon.remaining is not None and coupon.remaining <= 0)
    if is_gone or not coupon.valid_from <= now < coupon.valid_until:
        return False
    if store_id is None:
        return True
    return coupon.channel is not Channel.ONLINE and (not coupon.store_ids or store_id in coupon.store_ids)
