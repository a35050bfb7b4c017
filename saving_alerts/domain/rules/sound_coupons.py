"""Which coupons of a candidate can be promised and lead where a push may lead, whatever the rules say."""

from collections.abc import Sequence

import msgspec

from saving_alerts.domain.coupons import Coupon, DiscountKind
from saving_alerts.domain.merchants import Merchant
from saving_alerts.domain.passed_over import Oddity, PassedOver, passed_over
from saving_alerts.domain.rules.deep_links import are_plainly_allowed, link_problem
from saving_alerts.domain.texts.discounts import DECIMALS, MAX_PERCENT

# One of each can be promised, as can a hundred.
_PERCENT = DiscountKind.PERCENT
_PLAIN_CURRENCIES = frozenset({None, *DECIMALS})


class Examined(msgspec.Struct, frozen=True, gc=False):
    """`astray` are those of which only the link is refused; `passed_over` names all that are not `sound`."""

    sound: Sequence[Coupon]
    astray: Sequence[Coupon] = ()
    passed_over: tuple[PassedOver, ...] = ()


def examine(coupons: tuple[Coupon, ...], merchant: Merchant, schemes: frozenset[str]) -> Examined:
    """Every coupon is looked at again, although odd ones do not get here: a push is the last place to find one."""
    hosts = merchant.deep_link_hosts
    if _are_plainly_sound(coupons, hosts):
        return Examined(coupons)
    return _one_by_one(coupons, hosts, schemes)


def _are_plainly_sound(coupons: tuple[Coupon, ...], hosts: tuple[str, ...]) -> bool:
    """Whether nothing is odd in any of them; False says nothing. It costs little, and is the case of nearly all."""
    for coupon in coupons:
        discount = coupon.discount
        is_plain = discount.kind is _PERCENT or discount.currency in _PLAIN_CURRENCIES
        if not (is_plain and 1 <= discount.amount <= MAX_PERCENT) and discount.problem:
            return False
    return are_plainly_allowed([each.deep_link for each in coupons], hosts)


def _one_by_one(coupons: tuple[Coupon, ...], hosts: tuple[str, ...], schemes: frozenset[str]) -> Examined:
    sound, astray, others = [], [], []
    for coupon in coupons:
        if (why := coupon.discount.problem) is not None:
            others.append(passed_over(coupon.coupon_id, Oddity.DISCOUNT, why))
        elif (why := link_problem(coupon.deep_link, hosts, schemes)) is not None:
            astray.append(coupon)
            others.append(passed_over(coupon.coupon_id, Oddity.LINK, f"of its link: {why}"))
        else:
            sound.append(coupon)
    return Examined(sound, astray, tuple(others))
