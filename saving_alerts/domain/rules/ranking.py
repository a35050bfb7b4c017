"""The order in which a rule tries several coupons that fit."""

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from saving_alerts.domain.coupons import Discount, DiscountKind


class Ranking(StrEnum):
    """What makes one coupon better than another. Percentages and amounts are never weighed against each other."""

    HIGHEST_PERCENT = "highest_percent"  # then the highest amount, then the one that lasts longest
    HIGHEST_AMOUNT = "highest_amount"  # fixed amounts first, whatever their currency, then the highest percentage
    ENDING_SOONEST = "ending_soonest"  # then the highest percentage, then the highest amount


class Ranked(Protocol):
    """What is looked at: of a coupon, or of an alert that promises one."""

    @property
    def coupon_id(self) -> str: ...

    @property
    def discount(self) -> Discount: ...

    @property
    def valid_until(self) -> datetime: ...


Each = TypeVar("Each", bound=Ranked)


def best_first(coupons: Sequence[Each], ranking: Ranking) -> list[Each]:
    """The coupons in the order in which they are tried. Equal ones are ordered by id."""
    return sorted(coupons, key=_KEYS[ranking], reverse=True)


def _highest_percent(coupon: Ranked) -> tuple[float, float, datetime, str]:
    return (coupon.discount.percent or 0, coupon.discount.amount, coupon.valid_until, coupon.coupon_id)


def _highest_amount(coupon: Ranked) -> tuple[bool, float, datetime, str]:
    is_amount = coupon.discount.kind is DiscountKind.AMOUNT
    return (is_amount, coupon.discount.amount, coupon.valid_until, coupon.coupon_id)


def _ending_soonest(coupon: Ranked) -> tuple[float, float, float, str]:
    ends = coupon.valid_until.timestamp()
    return (-ends, coupon.discount.percent or 0, coupon.discount.amount, coupon.coupon_id)


_KEYS: dict[Ranking, Callable[[Ranked], Any]] = {
    Ranking.HIGHEST_PERCENT: _highest_percent,
    Ranking.HIGHEST_AMOUNT: _highest_amount,
    Ranking.ENDING_SOONEST: _ending_soonest,
}
