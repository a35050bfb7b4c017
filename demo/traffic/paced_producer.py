"""A Kafka producer with a steady rate, which remembers the position of each record."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from confluent_kafka import KafkaError, Message, Producer

from demo.checks.decision_consumer import Position

FLUSH_TIMEOUT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Record:
    """A record to be written; `value` is called when it is written. `name` is unique per producer."""

    name: str
    key: bytes
    value: Callable[[], bytes]
    headers: tuple[tuple[str, bytes], ...] = ()


class PacedProducer:
    """A producer for one topic; `positions` are the partition and offset of each record, by its name.

    `flush_timeout_seconds`: how long after the last record Kafka may take to acknowledge what is outstanding.
    """

    def __init__(
        self, bootstrap_servers: str, topic: str, *, flush_timeout_seconds: float = FLUSH_TIMEOUT_SECONDS
    ) -> None:
        self._flush_timeout_seconds = flush_timeout_seconds
        # log_level 0: its log lines would mix with the progress bars. The caller learns of failures by an exception.
        configuration = {"bootstrap.servers": bootstrap_servers, "linger.ms": 0, "acks": "all", "log_level": 0}
        self._producer = Producer(configuration)
        self._topic = topic
        self.positions: dict[str, Position] = {}

    def write(self, records: Iterable[Record], per_second: float) -> None:
        """Return when all of them are on Kafka. Raises RuntimeError when one of them is not."""
        began = time.monotonic()
        for number, record in enumerate(records):
            self._pace(began + number / per_second)
            self._write(record)
        if unconfirmed := self._producer.flush(self._flush_timeout_seconds):
            raise RuntimeError(f"{unconfirmed} records were not written within {self._flush_timeout_seconds:g} s")

    def _pace(self, due: float) -> None:
        while (ahead := due - time.monotonic()) > 0:
            self._producer.poll(ahead)

    def _write(self, record: Record) -> None:
        def remember(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                raise RuntimeError(f"{record.name} was not written: {error}")
            self.positions[record.name] = (int(message.partition() or 0), int(message.offset() or 0))

        headers: list[tuple[str, str | bytes | None]] = list(record.headers)
        self._producer.produce(self._topic, record.value(), record.key, on_delivery=remember, headers=headers)
