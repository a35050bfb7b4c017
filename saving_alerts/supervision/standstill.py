"""The ways in which a worker can stand still although there is work: one sign of the watchdog for each."""

import asyncio
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime

from aiokafka import TopicPartition
from faust.types import TP

from saving_alerts.delivery.consumer_state import ConsumerState
from saving_alerts.delivery.outcome_writer import PendingStep
from saving_alerts.kafka.client import commits, has_record
from saving_alerts.kafka.connection import KafkaConnection, KafkaFailedError
from saving_alerts.supervision.watchdog import Sign, Suspicion

ANSWER_SECONDS = 5.0  # Kafka counts as down if it takes longer: then the standstill is not this worker's fault


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a sign may last unchanged before the worker exits, in seconds."""

    rebalance_seconds: float
    overdue_seconds: float
    unread_seconds: float


class _Stalled:
    """Remembers the positions with unread records, in the order in which they first had some."""

    def __init__(self) -> None:
        self._positions: dict[tuple[TP, int], None] = {}

    def oldest(self, unread: AbstractSet[tuple[TP, int]]) -> tuple[TP, int] | None:
        """The position that has been unread the longest; None if nothing is unread."""
        still = {each: None for each in self._positions if each in unread}
        self._positions = still | dict.fromkeys(unread)
        return next(iter(self._positions), None)


@dataclass(frozen=True, slots=True)
class Standstill:
    """Makes the signs of one worker. `consumer()` is None before there is one, and while the worker stops.

    `is_settled()` is whether no rebalance is under way; `pending()` are the steps that have begun and not ended.
    """

    connection: KafkaConnection
    group: str
    patience: Patience
    consumer: Callable[[], ConsumerState | None]
    is_settled: Callable[[], bool]
    pending: Callable[[], Iterable[PendingStep]]
    now: Callable[[], datetime]
    stalled: _Stalled = field(default_factory=_Stalled, init=False)

    def signs(self) -> list[Sign]:
        patience = self.patience
        return [
            Sign("coordinator", self._parked, 0.0),
            Sign("group", self._outside, patience.rebalance_seconds, self._kafka_answers),
            Sign("intake", self._unread, patience.unread_seconds, self._is_readable),
            Sign("steps", self._overdue, patience.overdue_seconds, self._kafka_answers),
        ]

    def _parked(self) -> Suspicion | None:
        consumer = self.consumer()
        why = consumer.coordinator_failure() if consumer else None
        return Suspicion(why, f"the group's coordinator is parked: {why}") if why else None

    def _outside(self) -> Suspicion | None:
        """The group does not hear of the worker, or the worker is in a rebalance that does not end."""
        consumer = self.consumer()
        what = consumer.absence() if consumer else None
        if consumer and not what and not self.is_settled():
            what = "a rebalance does not end"
        return Suspicion(what, what) if what else None

    def _unread(self) -> Suspicion | None:
        """A partition has records that the worker does not take, although it has room for them."""
        consumer = self.consumer()
        unread = consumer.stalled_positions() if consumer and self.is_settled() else frozenset()
        stalled = self.stalled.oldest(unread)
        if stalled is None:
            return None
        return Suspicion(stalled, f"nothing was read of {stalled[0].topic}-{stalled[0].partition} at {stalled[1]}")

    def _overdue(self) -> Suspicion | None:
        """A step has not ended at its event's deadline.

        An accepted push waits for Kafka to have it in the Table, however long that takes. To end the worker then would
        make `push_uncertain` of a push that is known.
        """
        now = self.now()
        overdue = [each for each in self.pending() if each.deadline is not None and each.deadline < now]
        if not overdue:
            return None
        oldest = min(overdue, key=lambda each: each.begun)
        text = f"{oldest.stage} of {oldest.position} did not end at its deadline {oldest.deadline}"
        return Suspicion(oldest.begun, text)

    async def _kafka_answers(self, _: Suspicion) -> bool:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await commits(self.connection, self.group, [])
        except (KafkaFailedError, TimeoutError):
            return False
        return True

    async def _is_readable(self, suspicion: Suspicion) -> bool:
        """Whether another consumer can read the record that this worker does not take."""
        match suspicion.mark:
            case (TP(topic=topic, partition=partition), int(offset)):
                return await has_record(self.connection, TopicPartition(topic, partition), offset, ANSWER_SECONDS)
        return False
