"""What a shopper could save at a merchant, and which coupons can be used at this moment in this store."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from saving_alerts.domain.decoding import Instant
from saving_alerts.domain.events import Identifier, ValidatedEvent


class DiscountKind(StrEnum):
    PERCENT = "percent"
    AMOUNT = "amount"


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
        """None for a fixed amount: without a price nobody knows what share it is."""
        return self.amount if self.kind is DiscountKind.PERCENT else None


class Coupon(msgspec.Struct, frozen=True, kw_only=True):
    """One coupon as the Coupon API answers it. An empty `store_ids` means all stores of the merchant."""

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


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A valid trigger with the coupons that its user can use here and now, and what else the rules look at.

    The rules are applied as of `looked_at`, so that the same rules decide the same whenever that is. What is None
    was written by a release that did not say it yet.
    """

    validated: ValidatedEvent
    coupons: tuple[Coupon, ...]
    looked_at: Instant | None = None
    distance_m: float | None = None
    merchants_version: str | None = None


def usable(coupon: Coupon, store_id: str | None, now: datetime) -> bool:
    """Whether the coupon is worth something now, in this store, to this user."""
    is_gone = coupon.redeemed or (coupon.remaining is not None and coupon.remaining <= 0)
    if is_gone or not coupon.valid_from <= now < coupon.valid_until:
        return False
    if store_id is None:
        return True
    return coupon.channel is not Channel.ONLINE and (not coupon.store_ids or store_id in coupon.store_ids)
