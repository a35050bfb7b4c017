"""The merchant directory: what a message and a deep link may say about a merchant."""

import msgspec

from saving_alerts.domain.events import Identifier


class Store(msgspec.Struct, frozen=True):
    store_id: Identifier
    latitude: float
    longitude: float


class Merchant(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `merchants.jsonl`. A deep link may lead to these hosts only; none means to any."""

    merchant_id: Identifier
    names: dict[str, str]
    stores: tuple[Store, ...] = ()
    deep_link_hosts: tuple[str, ...] = ()
