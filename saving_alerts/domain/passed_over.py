"""Coupons that are passed over, by name and with the reason: one odd coupon takes nothing from the others."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

import msgspec

from saving_alerts.domain.decoding import printable

MAX_NAMED = 5  # per event: nobody reads more in a decision, and each has a length
MAX_WHY_CHARACTERS = 200


class Oddity(StrEnum):
    """What is odd, as a tag of the metric."""

    UNREADABLE = "unreadable"
    OTHER_MERCHANT = "other_merchant"
    DISCOUNT = "discount"
    LINK = "link"


class PassedOver(msgspec.Struct, frozen=True, gc=False):
    """One coupon. `why` completes "it is passed over because"; both texts are printable and short."""

    coupon_id: str
    oddity: str
    why: str


class PassedOverCoupons(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Those of one event: the first ones by name, and how many `more`."""

    named: tuple[PassedOver, ...] = ()
    more: int = 0

    @property
    def count(self) -> int:
        return len(self.named) + self.more

    def and_also(self, others: Iterable[PassedOver]) -> "PassedOverCoupons":
        every = [*self.named, *others]
        return PassedOverCoupons(tuple(every[:MAX_NAMED]), self.more + len(every[MAX_NAMED:])) if every else self

    def details(self) -> dict[str, object]:
        """For a decision; empty if there are none."""
        if not self.named:
            return {}
        named = [{"coupon_id": each.coupon_id, "because": each.why} for each in self.named]
        return {"passed_over": named, **({"passed_over_more": self.more} if self.more else {})}


NONE_PASSED_OVER = PassedOverCoupons()


def passed_over(coupon_id: str, oddity: Oddity, why: str) -> PassedOver:
    """With what others wrote made printable and short."""
    return PassedOver(printable(coupon_id, MAX_WHY_CHARACTERS), oddity, printable(why, MAX_WHY_CHARACTERS))


def count_in(details: Mapping[str, object]) -> int:
    """How many a decision says that were passed over."""
    named, more = details.get("passed_over"), details.get("passed_over_more")
    return (len(named) if isinstance(named, list) else 0) + (more if isinstance(more, int) else 0)
