"""Follows the decision topic while the traffic plays: which source positions have their answer."""

import threading
from collections import Counter, defaultdict
from datetime import datetime
from types import TracebackType
from typing import Self

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from saving_alerts.domain.decisions import Decision, Receipt, answer
from saving_alerts.domain.reasons import Reason
from saving_alerts.kafka.codecs import decode_ledger

POLL_SECONDS = 0.1
BATCH_RECORDS = 5_000
METADATA_TIMEOUT_SECONDS = 10

Place = tuple[int, int]


class LedgerWatch:
    """Reads decisions in a thread of its own. A place is the partition and offset on the source."""

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._topic = topic
        self._decisions: defaultdict[Place, list[Decision]] = defaultdict(list)
        self._receipts: defaultdict[Place, list[Receipt]] = defaultdict(list)
        self._receipt_times: defaultdict[int, list[datetime]] = defaultdict(list)
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="ledger watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def reason(self, place: Place) -> Reason | None:
        """The answer of a place, or None while it has none."""
        decisions = self._decisions.get(place)
        if decisions:
            return answer(decisions).reason
        receipts = self._receipts.get(place)
        return receipts[0].reason if receipts else None

    def decisions(self, place: Place) -> list[Decision]:
        """Every decision of a place, echoes included, in the order they were written."""
        return list(self._decisions.get(place, ()))

    def echoes(self, place: Place) -> int:
        """How often a place was decided beyond its answer."""
        times = len(self._decisions.get(place, ())) + len(self._receipts.get(place, ()))
        return max(times - 1, 0)

    def first_receipt_after(self, partition: int, moment: datetime) -> datetime | None:
        """When a batch of a source partition was validated first after `moment`, as far as is known yet."""
        later = [at for at in list(self._receipt_times.get(partition, ())) if at > moment]
        return min(later, default=None)

    @property
    def answered(self) -> int:
        return len(self._decisions.keys() | self._receipts.keys())

    def wait_for(self, place: Place, timeout_seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self.reason(place) is not None, timeout_seconds)

    def wait_for_any_news(self, timeout_seconds: float) -> None:
        with self._changed:
            self._changed.wait(timeout_seconds)

    def counts(self) -> Counter[Reason]:
        """How often each answer was given."""
        places = list(self._decisions.keys() | self._receipts.keys())
        return Counter(reason for place in places if (reason := self.reason(place)))

    def _follow(self) -> None:
        consumer = Consumer(
            {
                "bootstrap.servers": self._bootstrap_servers,
                "group.id": "ledger-watch",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 100,
                "log_level": 0,
            }
        )
        try:
            consumer.assign(self._partitions(consumer))
            while not self._stopping.is_set():
                self._take(consumer.consume(BATCH_RECORDS, POLL_SECONDS))
        finally:
            consumer.close()

    def _partitions(self, consumer: Consumer) -> list[TopicPartition]:
        known = consumer.list_topics(self._topic, timeout=METADATA_TIMEOUT_SECONDS).topics[self._topic].partitions
        return [TopicPartition(self._topic, partition, OFFSET_BEGINNING) for partition in known]

    def _take(self, messages: list[Message]) -> None:
        values = [message.value() for message in messages if not message.error()]
        if not values:
            return
        with self._changed:
            for value in values:
                self._note(decode_ledger(value or b""))
            self._changed.notify_all()

    def _note(self, entry: Decision | Receipt) -> None:
        if isinstance(entry, Decision):
            self._decisions[entry.position.partition, entry.position.offset].append(entry)
            return
        self._receipt_times[entry.partition].append(entry.decided_at)
        for first, last in entry.ranges:
            for offset in range(first, last + 1):
                self._receipts[entry.partition, offset].append(entry)
