"""Coupons as the Coupon API answers them: some that every rule accepts, and some that no rule accepts."""

from random import Random

from saving_alerts.domain.merchants import Merchant

CouponJson = dict[str, object]

GOOD_PERCENTS = (15, 20, 25, 30, 50)  # enough for every rule of the demo
POOR_PERCENTS = (3, 5, 8)  # not enough for `at-the-store`
FOREIGN_LINK = "https://prizes.example/win?id=1"


def good_coupon(random: Random, merchant: Merchant) -> CouponJson:
    """A coupon with which every rule of the demo wins, now and in every store of the merchant."""
    number = f"c-{random.getrandbits(32):08x}"
    percent = random.choice(GOOD_PERCENTS)
    host = merchant.deep_link_hosts[0] if merchant.deep_link_hosts else "coupons.example"
    return {
        "coupon_id": number,
        "merchant_id": merchant.merchant_id,
        "title": {"de": f"{percent} % auf alles", "en": f"{percent}% off everything"},
        "discount": {"kind": "percent", "amount": percent, "currency": None},
        "valid_from": "2020-01-01T00:00:00Z",
        "valid_until": f"2099-12-{random.randint(1, 31):02d}T22:59:59Z",
        "channel": random.choice(("in_store", "both")),
        "store_ids": random.choice(([], [store.store_id for store in merchant.stores])),
        "remaining": random.choice((None, 1, 250)),
        "redeemed": False,
        "deep_link": f"https://{host}/coupons/{number}?from=push",
        **random.choice(({}, {}, {"campaign": "autumn"})),
    }


def discounted(coupon: CouponJson, percent: float) -> CouponJson:
    return coupon | {"discount": {"kind": "percent", "amount": percent}}


def with_fixed_amount(coupon: CouponJson) -> CouponJson:
    """Five euros off: what percentage that is cannot be known."""
    return coupon | {"title": {"en": "Save now"}, "discount": {"kind": "amount", "amount": 5.0, "currency": "EUR"}}


def unusable(coupon: CouponJson) -> dict[str, CouponJson]:
    """The coupon in every way that makes it useless to a shopper in a store, by name."""
    return {
        "redeemed": coupon | {"redeemed": True},
        "not_yet_valid": coupon | {"valid_from": "2098-01-01T00:00:00Z"},
        "ended": coupon | {"valid_until": "2024-03-31T23:59:59+02:00"},
        "other_store": coupon | {"store_ids": ["s-closed-1", "s-closed-2"]},
        "sold_out": coupon | {"remaining": 0},
        "online_only": coupon | {"channel": "online", "store_ids": []},
    }
