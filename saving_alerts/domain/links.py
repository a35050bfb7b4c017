"""Where a coupon's link leads."""

from urllib.parse import urlsplit

from saving_alerts.domain.coupons import Coupon
from saving_alerts.domain.merchants import Merchant


def is_safe(merchant: Merchant, coupon: Coupon) -> bool:
    """A push never leads to a host that the merchant does not own."""
    if not merchant.deep_link_hosts:
        return True
    return host_of(coupon.deep_link) in {host.lower() for host in merchant.deep_link_hosts}


def host_of(link: str) -> str | None:
    """The host in small letters; None where there is none, or where another reader would see another one."""
    if "\\" in link:  # phones take it for a slash, urlsplit does not: https://evil.example\@shop.example
        return None
    try:
        return urlsplit(link).hostname
    except ValueError:
        return None
