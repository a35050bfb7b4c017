"""Writes single records to Kafka at a steady rate, and remembers where each one stands."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from confluent_kafka import KafkaError, Message, Producer

from demo.checks.decision_follower import Place

FLUSH_TIMEOUT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Record:
    """What a caller wants written; `value` is asked at the moment of writing."""

    name: str
    key: bytes
    value: Callable[[], bytes]
    headers: tuple[tuple[str, bytes], ...] = ()


class Feed:
    """A producer for one topic; `places` is where each record stands, by its name.

    `patience_seconds` is how long after the last record Kafka may take for what it has not confirmed yet.
    """

    def __init__(self, bootstrap_servers: str, topic: str, *, patience_seconds: float = FLUSH_TIMEOUT_SECONDS) -> None:
        self._patience_seconds = patience_seconds
        # Quiet: it would write between the lines of whoever watches; what could not be written is told to the caller.
        configuration = {"bootstrap.servers": bootstrap_servers, "linger.ms": 0, "acks": "all", "log_level": 0}
        self._producer = Producer(configuration)
        self._topic = topic
        self.places: dict[str, Place] = {}

    def write(self, records: Iterable[Record], per_second: float) -> None:
        """Return when all of them are on Kafka. Raises RuntimeError when one of them is not."""
        began = time.monotonic()
        for number, record in enumerate(records):
            self._pace(began + number / per_second)
            self._write(record)
        if unconfirmed := self._producer.flush(self._patience_seconds):
            raise RuntimeError(f"{unconfirmed} records were not written within {self._patience_seconds:g} s")

    def _pace(self, due: float) -> None:
        while (ahead := due - time.monotonic()) > 0:
            self._producer.poll(ahead)

    def _write(self, record: Record) -> None:
        def remember(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                raise RuntimeError(f"{record.name} was not written: {error}")
            self.places[record.name] = (int(message.partition() or 0), int(message.offset() or 0))

        headers: list[tuple[str, str | bytes | None]] = list(record.headers)
        self._producer.produce(self._topic, record.value(), record.key, on_delivery=remember, headers=headers)
