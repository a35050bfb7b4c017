"""The orders to erase users that stand on one partition of their topic. Nothing that stands there can raise."""

import logging

from aiokafka import ConsumerRecord

from saving_alerts.domain.decoding import Unreadable
from saving_alerts.domain.erasures import ErasureOrder, read_order, read_user
from saving_alerts.kafka.client import partition_of

log = logging.getLogger(__name__)

MOST_REFUSED = 100  # so many are named: whoever writes more can be told from these


class StandingOrders:
    """`pending`: the users to erase, in the order in which they were ordered. `refused`: by key, which and why.

    `next_offset`: the first that was not read yet.
    """

    def __init__(self, among: int, fingerprint: str) -> None:
        self.pending: dict[str, int] = {}
        self.refused: dict[bytes | None, str] = {}
        self.next_offset = 0
        self._among = among
        self._fingerprint = fingerprint

    def apply(self, record: ConsumerRecord) -> None:
        self.next_offset = record.offset + 1
        user = read_user(record.key)
        if record.value is None:
            self.refused.pop(record.key, None)
            self.pending.pop(user if isinstance(user, str) else "", None)
            return
        problem = str(user) if isinstance(user, Unreadable) else self._problem(record, read_order(record.value))
        if problem:
            self._refuse(record, problem)
        elif isinstance(user, str):
            self.refused.pop(record.key, None)
            self.pending[user] = record.offset

    def _problem(self, record: ConsumerRecord, order: ErasureOrder | Unreadable) -> str | None:
        if isinstance(order, Unreadable):
            return f"it cannot be read: {order}"
        if partition_of(record.key, self._among) != record.partition:
            return "it stands in another partition than its user, whose owner does not see it"
        if order.secret != self._fingerprint:
            return "it was given with another SAVING_ALERTS_ERASURE_SECRET than this worker has"
        return None

    def _refuse(self, record: ConsumerRecord, problem: str) -> None:
        """Named by its place: a log is to have no user ids."""
        named = f"{record.topic}/{record.partition}/{record.offset}: {problem}"
        log.error("an order to erase a user is not carried out, give it again with `saving-alerts erase`: %s", named)
        if len(self.refused) < MOST_REFUSED:
            self.refused[record.key] = named
