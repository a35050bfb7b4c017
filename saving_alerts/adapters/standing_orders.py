"""The orders to erase users that stand on one partition of their topic. Nothing that stands there can raise."""

import logging
from typing import NamedTuple

from aiokafka import ConsumerRecord

from saving_alerts.domain.decoding import Unreadable
from saving_alerts.domain.erasures import Tokens, read_order, takes_off
from saving_alerts.kafka.client import partition_of

log = logging.getLogger(__name__)

MOST_REFUSED = 100  # so many are named: whoever writes more can be told from these
MOST_PENDING = 1_000  # so many are kept; the others stand safely on the topic


class PendingOrder(NamedTuple):
    """Whom to erase, and where the last order to do so stands."""

    user_id: str
    offset: int


class StandingOrders:
    """`pending`: the orders to carry out by their keys, in their order. `refused`: by key, which and why.

    `missed_from`: the offset of the first for which there was no room, None if there was. `next_offset`: the first that
    was not read yet.
    """

    def __init__(self, among: int, tokens: Tokens) -> None:
        self.pending: dict[bytes, PendingOrder] = {}
        self.refused: dict[bytes | None, str] = {}
        self.missed_from: int | None = None
        self.next_offset = 0
        self._among = among
        self._tokens = tokens

    def apply(self, record: ConsumerRecord) -> None:
        self.next_offset = record.offset + 1
        if record.value is None:
            self.refused.pop(record.key, None)
            self._take_off(record)
            return
        order = read_order(record.key, record.value, self._tokens)
        if isinstance(order, Unreadable):
            self._refuse(record, f"it cannot be read: {order}")
        elif partition_of(order.user_id.encode(), self._among) != record.partition:
            self._refuse(record, "it stands in another partition than its user, whose owner does not see it")
        else:
            self.refused.pop(record.key, None)
            self._keep(record, order.user_id)

    def _take_off(self, tombstone: ConsumerRecord) -> None:
        order = self.pending.get(tombstone.key or b"")
        if order and takes_off(tombstone.headers, order.offset):
            del self.pending[tombstone.key]

    def _keep(self, record: ConsumerRecord, user_id: str) -> None:
        if record.key in self.pending or len(self.pending) < MOST_PENDING:
            self.pending[record.key] = PendingOrder(user_id, record.offset)
        elif self.missed_from is None:
            self.missed_from = record.offset

    def _refuse(self, record: ConsumerRecord, problem: str) -> None:
        """Named by its place: a log is to have no user ids."""
        named = f"{record.topic}/{record.partition}/{record.offset}: {problem}"
        log.error("an order to erase a user is not carried out, give it again with `saving-alerts erase`: %s", named)
        if len(self.refused) < MOST_REFUSED:
            self.refused[record.key] = named
