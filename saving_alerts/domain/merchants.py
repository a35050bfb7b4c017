"""The merchant directory: what a message and a deep link may say about a merchant."""

import msgspec

from saving_alerts.domain.events import Identifier

# Without gc=False a million of these make every full garbage collection a pause of a second. They hold no cycles.


class Store(msgspec.Struct, frozen=True, gc=False):
    store_id: Identifier
    latitude: float
    longitude: float


class Merchant(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line of `merchants.jsonl`. A deep link may lead to these hosts only; none means to any."""

    merchant_id: Identifier
    names: dict[str, str]
    stores: tuple[Store, ...] = ()
    deep_link_hosts: tuple[str, ...] = ()
