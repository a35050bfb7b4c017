"""The merchant directory: the merchants' names, stores and deep-link hosts."""

from typing import Annotated

import msgspec
from msgspec import Meta

from saving_alerts.domain.events import Identifier
from saving_alerts.domain.opening_hours import Opening

# The limits of docs/merchants.md. With the length of a line they bound the memory that a merchant takes.
MAX_NAMES = 100  # more than there are languages that anybody translates into
MAX_LOCALE_CHARACTERS = 35  # as in an event
MAX_NAME_CHARACTERS = 200  # of which a phone shows 80 at most
MAX_STORES = 1_000  # of 60 bytes and more each: a line is full before
MAX_HOSTS = 100
MAX_HOST_CHARACTERS = 253  # DNS allows no longer name

# gc=False: with a million of these objects every full garbage collection paused for a second. They hold no cycles.


class Store(msgspec.Struct, frozen=True, gc=False):
    """`opening` is its own; what it leaves out is the merchant's. Closed days are those of both."""

    store_id: Identifier
    latitude: Annotated[float, Meta(ge=-90, le=90)]
    longitude: Annotated[float, Meta(ge=-180, le=180)]
    opening: Opening | None = None


class Merchant(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line of `merchants.jsonl`. `names` are by locale. Deep links lead to `deep_link_hosts` only; empty: any.

    `opening` is of all stores that do not say otherwise.
    """

    merchant_id: Identifier
    names: Annotated[
        dict[
            Annotated[str, Meta(max_length=MAX_LOCALE_CHARACTERS)], Annotated[str, Meta(max_length=MAX_NAME_CHARACTERS)]
        ],
        Meta(max_length=MAX_NAMES),
    ]
    stores: Annotated[tuple[Store, ...], Meta(max_length=MAX_STORES)] = ()
    deep_link_hosts: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=MAX_HOST_CHARACTERS)], ...], Meta(max_length=MAX_HOSTS)
    ] = ()
    opening: Opening | None = None
