"""The order of a canary in the bucket: `rules/canary.json`, one at a time, the last one stays there.

The commands change it only if it is still what they have read, so of two people the second is told of the first.
"""

from dataclasses import dataclass

import msgspec

from saving_alerts.domain.canary.order import MAX_ORDER_BYTES, CanaryOrder, Ended, read_order
from saving_alerts.domain.decoding import Unreadable
from saving_alerts.ports.errors import MissingObjectError, RefusedError
from saving_alerts.ports.object_store import SwappingStore
from saving_alerts.reference_data.document_store import ChangedMeanwhileError

FORBIDDEN = 403


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands there: an order, what cannot be read, or None. `etag` is None where there is no object."""

    order: CanaryOrder | Unreadable | None
    etag: str | None

    def open_on(self, live: str | None) -> CanaryOrder | None:
        """The order, if nobody has ended it and the rules it was begun with are live: it has a say then."""
        order = self.unclosed
        return order if order is not None and order.instead_of == live else None

    @property
    def unclosed(self) -> CanaryOrder | None:
        """The order, if it has a say, or would have one with other rules."""
        return self.order if isinstance(self.order, CanaryOrder) and self.order.counts else None


def order_key(rules_key: str) -> str:
    """Where the order stands of the rules that are read from this key."""
    return f"{rules_key.removesuffix('.json')}/canary.json"


def may_be_missing(error: RefusedError) -> bool:
    """Who may not list the bucket hears of a missing object that it is forbidden: as before the first canary."""
    return error.status == FORBIDDEN


class CanaryOrders:
    """Of the rules with this key. Every call can raise UnavailableError and RefusedError."""

    def __init__(self, store: SwappingStore, rules_key: str) -> None:
        self._store = store
        self._key = order_key(rules_key)

    async def standing(self) -> Standing:
        try:
            stored = await self._store.fetch(self._key, None, MAX_ORDER_BYTES)
        except MissingObjectError:
            return Standing(None, None)
        except RefusedError as error:
            if may_be_missing(error):
                return Standing(None, None)
            raise
        return Standing(read_order(stored.body), stored.etag) if stored else Standing(None, None)

    async def begin(self, order: CanaryOrder, instead_of: Standing) -> None:
        """Raises ChangedMeanwhileError if another order stands there than was read."""
        await self._put(order, instead_of)

    async def end(self, order: CanaryOrder, ended: Ended, instead_of: Standing) -> CanaryOrder:
        """The order as it stands then. Raises ChangedMeanwhileError if somebody else has ended it meanwhile."""
        found = msgspec.structs.replace(order, ended=ended)
        await self._put(found, instead_of)
        return found

    async def close(self) -> None:
        """It does not count any more, whatever is published later. Raises ChangedMeanwhileError."""
        standing = await self.standing()
        if (order := standing.unclosed) is not None:
            await self._put(msgspec.structs.replace(order, closed=True), standing)

    async def _put(self, order: CanaryOrder, instead_of: Standing) -> None:
        if await self._store.put_if(self._key, msgspec.json.encode(order), instead_of.etag):
            return
        found = (await self.standing()).order
        if found != order:  # the driver repeats a request whose answer was lost: then it is our own
            raise ChangedMeanwhileError(f"somebody else has changed the canary meanwhile: {_in_words(found)}")


def _in_words(found: CanaryOrder | Unreadable | None) -> str:
    if not isinstance(found, CanaryOrder):
        return "see `rules canary status`"
    ended = found.ended
    return f"{found} by {found.by}" if ended is None else f"{found.id} was {ended.how} by {ended.by}: {ended.note}"
