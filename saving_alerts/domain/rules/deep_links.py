"""Whether a coupon's link leads to a host of its merchant."""

from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from saving_alerts.domain.coupons import Coupon
from saving_alerts.domain.merchants import Merchant


class _Hosts(NamedTuple):
    """A merchant's hosts in lower case, and the beginnings of most links to them: urlsplit takes ten times longer."""

    names: frozenset[str]
    link_prefixes: tuple[str, ...]


def is_safe(merchant: Merchant, coupon: Coupon) -> bool:
    """Whether the coupon's link leads to a host of the merchant. Every link is safe for a merchant without hosts."""
    if not merchant.deep_link_hosts:
        return True
    link = coupon.deep_link
    if "\\" in link:  # phones read it as a slash, urlsplit does not: https://evil.example\@shop.example
        return False
    hosts = _hosts(merchant.deep_link_hosts)
    return link.startswith(hosts.link_prefixes) or _host_of(link) in hosts.names


@lru_cache(maxsize=4096)  # bounds the memory: a directory may have a million merchants
def _hosts(names: tuple[str, ...]) -> _Hosts:
    lower_case = frozenset(name.lower() for name in names)
    return _Hosts(lower_case, tuple(f"https://{name}/" for name in lower_case))


def _host_of(link: str) -> str | None:
    """The host in lower case; None where there is none."""
    try:
        return urlsplit(link).hostname
    except ValueError:
        return None
