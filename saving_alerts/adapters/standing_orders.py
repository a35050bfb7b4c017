"""The orders to erase users that stand on one partition of their topic. Nothing that stands there can raise."""

import logging

from aiokafka import ConsumerRecord

from saving_alerts.domain.decoding import Unreadable
from saving_alerts.domain.erasures import Tokens, read_order
from saving_alerts.kafka.client import partition_of

log = logging.getLogger(__name__)

MOST_REFUSED = 100  # so many are named: whoever writes more can be told from these
MOST_PENDING = 1_000  # so many are kept; the others stand safely on the topic


class StandingOrders:
    """`pending`: the users to erase by the keys of their orders, in their order. `refused`: by key, which and why.

    `missed_from`: the offset of the first for which there was no room, None if there was. `next_offset`: the first that
    was not read yet.
    """

    def __init__(self, among: int, tokens: Tokens) -> None:
        self.pending: dict[bytes, str] = {}
        self.refused: dict[bytes | None, str] = {}
        self.missed_from: int | None = None
        self.next_offset = 0
        self._among = among
        self._tokens = tokens

    def apply(self, record: ConsumerRecord) -> None:
        self.next_offset = record.offset + 1
        if record.value is None:
            self.refused.pop(record.key, None)
            self.pending.pop(record.key or b"", None)
            return
        order = read_order(record.key, record.value, self._tokens)
        if isinstance(order, Unreadable):
            self._refuse(record, f"it cannot be read: {order}")
        elif partition_of(order.user_id.encode(), self._among) != record.partition:
            self._refuse(record, "it stands in another partition than its user, whose owner does not see it")
        else:
            self.refused.pop(record.key, None)
            self._keep(record, order.user_id)

    def _keep(self, record: ConsumerRecord, user_id: str) -> None:
        if record.key in self.pending or len(self.pending) < MOST_PENDING:
            self.pending[record.key] = user_id
        elif self.missed_from is None:
            self.missed_from = record.offset

    def _refuse(self, record: ConsumerRecord, problem: str) -> None:
        """Named by its place: a log is to have no user ids."""
        named = f"{record.topic}/{record.partition}/{record.offset}: {problem}"
        log.error("an order to erase a user is not carried out, give it again with `saving-alerts erase`: %s", named)
        if len(self.refused) < MOST_REFUSED:
            self.refused[record.key] = named
