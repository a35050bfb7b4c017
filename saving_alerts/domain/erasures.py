"""Forgetting a user: what was charged stays charged, under a token that leads to nobody without the secret.

A token is an HMAC-SHA256 of the user, and of a text of theirs, under the secret of the deployment. So the same user
finds what is charged, and a copy of Redis or of the changelog tells nobody whose it is (docs/adr/0038).
"""

import hmac
from collections.abc import Iterable
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from saving_alerts.domain.decoding import Decoder, Instant, Unreadable
from saving_alerts.domain.source_position import SourcePosition

MIN_SECRET_CHARACTERS = 32
MAX_USER_CHARACTERS = 1024  # four times what an event may have: release 0.1.0 knew no limit
MAX_ORDER_BYTES = 16 * 1024  # a user of so many characters, each escaped
_TEXT_CHARACTERS = 32  # of a text's token: 128 bits, enough that no two of one user's are ever the same


class EventAt(NamedTuple):
    """The event that is asked about: what stands under tokens can be found by it, and by nothing else."""

    position: SourcePosition
    event_id: str
    merchant_id: str


class EventTokens(NamedTuple):
    """The three texts by which an entry is found, as tokens."""

    position: str
    event_id: str
    merchant_id: str


class Tokens:
    """Makes the tokens of one secret. The same input always has the same token."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def of_user(self, user_id: str) -> str:
        return self._of("user", user_id)

    def of_text(self, user_id: str, kind: str, text: str) -> str:
        """Of a position, an event id or a merchant id of this user: another user's has another token."""
        return self._of(kind, user_id, text)[:_TEXT_CHARACTERS]

    def of_event(self, user_id: str, event: EventAt) -> EventTokens:
        texts = EventTokens(str(event.position), event.event_id, event.merchant_id)
        return EventTokens(*(self.of_text(user_id, *each) for each in zip(EventTokens._fields, texts, strict=True)))

    def _of(self, *texts: str) -> str:
        return hmac.digest(self._secret, msgspec.json.encode(texts), "sha256").hex()


class ErasureOrder(msgspec.Struct, frozen=True):
    """The value of an order. Its key is the token of the user, so that its tombstone names nobody."""

    user_id: Annotated[str, Meta(min_length=1, max_length=MAX_USER_CHARACTERS)]
    ordered_at: Instant


_orders = Decoder(ErasureOrder, MAX_ORDER_BYTES)
CARRIED_OUT = "carried_out"  # the header of a tombstone: the offset of the order that was
_OFFSET_DIGITS = 19  # of the largest


def read_order(key: bytes | None, value: bytes | None, tokens: Tokens) -> ErasureOrder | Unreadable:
    order = _orders.read(value)
    if isinstance(order, Unreadable):
        return order
    if key != tokens.of_user(order.user_id).encode():
        return Unreadable("it was given with another SAVING_ALERTS_ERASURE_SECRET than this worker has")
    return order


def takes_off(tombstone_headers: Iterable[tuple[str, bytes]], ordered_offset: int) -> bool:
    """Whether the order at this offset is over with this tombstone. One that names no order is for all before it.

    An order that was given while an earlier one of the same user was carried out stands before its tombstone too.
    """
    named = dict(tombstone_headers).get(CARRIED_OUT) or b""
    return not named.isdigit() or len(named) > _OFFSET_DIGITS or ordered_offset <= int(named)
