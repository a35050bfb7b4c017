"""Where a coupon's link leads."""

from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from saving_alerts.domain.coupons import Coupon
from saving_alerts.domain.merchants import Merchant


class _Hosts(NamedTuple):
    """A merchant's hosts in small letters, and how most links to them begin: reading a link takes ten times longer."""

    names: frozenset[str]
    beginnings: tuple[str, ...]


def is_safe(merchant: Merchant, coupon: Coupon) -> bool:
    """A push never leads to a host that the merchant does not own."""
    if not merchant.deep_link_hosts:
        return True
    link = coupon.deep_link
    if "\\" in link:  # phones take it for a slash, urlsplit does not: https://evil.example\@shop.example
        return False
    hosts = _hosts(merchant.deep_link_hosts)
    return link.startswith(hosts.beginnings) or _host_of(link) in hosts.names


@lru_cache(maxsize=4096)
def _hosts(names: tuple[str, ...]) -> _Hosts:
    small = frozenset(name.lower() for name in names)
    return _Hosts(small, tuple(f"https://{name}/" for name in small))


def _host_of(link: str) -> str | None:
    """The host in small letters; None where there is none."""
    try:
        return urlsplit(link).hostname
    except ValueError:
        return None
