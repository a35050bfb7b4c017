"""Consumes the decision topic while traffic is produced: which source positions have their answer."""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from types import TracebackType
from typing import Self

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from saving_alerts.domain.decisions import Decision, Receipt, answer
from saving_alerts.domain.reasons import Reason
from saving_alerts.kafka.codecs import decode_ledger

POLL_SECONDS = 0.1
BATCH_RECORDS = 5_000
METADATA_TIMEOUT_SECONDS = 10

Position = tuple[int, int]


class DecisionConsumer:
    """Reads decisions in a thread of its own. A position is a partition and an offset of the source topic."""

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._topic = topic
        self._decisions: defaultdict[Position, list[Decision]] = defaultdict(list)
        self._receipts: defaultdict[Position, list[Receipt]] = defaultdict(list)
        self._receipt_times: defaultdict[int, list[datetime]] = defaultdict(list)
        self._next_offsets: defaultdict[int, int] = defaultdict(int)
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._consume, name="decision consumer", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def reason(self, position: Position) -> Reason | None:
        """The answer of a position, or None while it has none."""
        decisions = self._decisions.get(position)
        if decisions:
            return answer(decisions).reason
        receipts = self._receipts.get(position)
        return receipts[0].reason if receipts else None

    def at(self, position: Position) -> list[Decision]:
        """Every decision of a position, echoes included, in the order they were written."""
        return list(self._decisions.get(position, ()))

    def echoes(self, position: Position) -> int:
        """How many decisions and receipts a position has beyond the first."""
        times = len(self._decisions.get(position, ())) + len(self._receipts.get(position, ()))
        return max(times - 1, 0)

    def first_receipt_after(self, partition: int, moment: datetime) -> datetime | None:
        """When the first batch of a source partition was validated after `moment`; None while none is known."""
        later = [at for at in list(self._receipt_times.get(partition, ())) if at > moment]
        return min(later, default=None)

    def longest_pause(self, partition: int, since: datetime, until: datetime) -> float:
        """The most seconds of that time in which no batch of a source partition was validated."""
        within = (at for at in list(self._receipt_times.get(partition, ())) if since < at < until)
        return max((after - before).total_seconds() for before, after in pairwise([since, *sorted(within), until]))

    @property
    def answered(self) -> int:
        """The number of positions that have an answer."""
        return len(self._decisions.keys() | self._receipts.keys())

    def wait_for(self, position: Position, timeout_seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self.reason(position) is not None, timeout_seconds)

    def wait_for_change(self, timeout_seconds: float) -> None:
        with self._changed:
            self._changed.wait(timeout_seconds)

    def wait_for_answers(self, events: int, timeout_seconds: float) -> None:
        """Return when so many events have their answer, or after the timeout: the caller checks which have none."""
        give_up_at = time.monotonic() + timeout_seconds
        while self.answered < events and time.monotonic() < give_up_at:
            self.wait_for_change(POLL_SECONDS)

    def wait_until_read(self, timeout_seconds: float) -> None:
        """Return when everything was read that stands on the topic now. Raises TimeoutError.

        A decision that was written is not read yet: without this nobody can say that there is none.
        """
        ends = self._ends(timeout_seconds)
        with self._changed:
            if not self._changed.wait_for(lambda: self._has_read(ends), timeout_seconds):
                raise TimeoutError(f"not within {timeout_seconds:g} s: all decisions are read")

    def counts(self) -> Counter[Reason]:
        """How often each answer was given."""
        positions = list(self._decisions.keys() | self._receipts.keys())
        return Counter(reason for position in positions if (reason := self.reason(position)))

    def _consume(self) -> None:
        consumer = self._consumer()
        try:
            consumer.assign(self._partitions(consumer))
            while not self._stopping.is_set():
                self._take(consumer.consume(BATCH_RECORDS, POLL_SECONDS))
        finally:
            consumer.close()

    def _ends(self, timeout_seconds: float) -> dict[int, int]:
        """The next offset to be written, of each partition that has records."""
        consumer = self._consumer()
        try:
            found = {
                each.partition: consumer.get_watermark_offsets(each, timeout_seconds)
                for each in self._partitions(consumer)
            }
        finally:
            consumer.close()
        return {partition: end for partition, (first, end) in found.items() if end > first}

    def _has_read(self, ends: Mapping[int, int]) -> bool:
        return all(self._next_offsets[partition] >= end for partition, end in ends.items())

    def _consumer(self) -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": self._bootstrap_servers,
                "group.id": "decision-consumer",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 100,
                "log_level": 0,
            }
        )

    def _partitions(self, consumer: Consumer) -> list[TopicPartition]:
        known = consumer.list_topics(self._topic, timeout=METADATA_TIMEOUT_SECONDS).topics[self._topic].partitions
        return [TopicPartition(self._topic, partition, OFFSET_BEGINNING) for partition in known]

    def _take(self, messages: list[Message]) -> None:
        read = [message for message in messages if not message.error()]
        if not read:
            return
        with self._changed:
            for message in read:
                self._add(decode_ledger(message.value() or b""))
                self._next_offsets[message.partition() or 0] = (message.offset() or 0) + 1
            self._changed.notify_all()

    def _add(self, entry: Decision | Receipt) -> None:
        if isinstance(entry, Decision):
            self._decisions[entry.position.partition, entry.position.offset].append(entry)
            return
        self._receipt_times[entry.partition].append(entry.decided_at)
        for first, last in entry.ranges:
            for offset in range(first, last + 1):
                self._receipts[entry.partition, offset].append(entry)
