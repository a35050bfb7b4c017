"""The merchant directory: the merchants' names, stores and deep-link hosts."""

import msgspec

from saving_alerts.domain.events import Identifier

# gc=False: with a million of these objects every full garbage collection paused for a second. They hold no cycles.


class Store(msgspec.Struct, frozen=True, gc=False):
    store_id: Identifier
    latitude: float
    longitude: float


class Merchant(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line of `merchants.jsonl`. `names` are by locale. Deep links lead to `deep_link_hosts` only; empty: any."""

    merchant_id: Identifier
    names: dict[str, str]
    stores: tuple[Store, ...] = ()
    deep_link_hosts: tuple[str, ...] = ()
