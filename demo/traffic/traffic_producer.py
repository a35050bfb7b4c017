"""Produces planned traffic to the source topic, as the tracking API would."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from confluent_kafka import KafkaError, Message, Producer

from demo.checks.decision_consumer import DecisionConsumer, Position
from demo.traffic import PlannedEvent, Traffic

FLUSH_TIMEOUT_SECONDS = 60
PREDECESSOR_TIMEOUT_SECONDS = 90
EVENTS_PER_PACE = 20


class TrafficProducer:
    """Writes events at a rate, each with fresh times; `positions` are the partition and offset of each, by its number.

    It uses librdkafka's default partitioner, which is not the one of the workers: they re-key.
    """

    def __init__(self, bootstrap_servers: str, topic: str, decisions: DecisionConsumer) -> None:
        self._producer = Producer({"bootstrap.servers": bootstrap_servers, "linger.ms": 5, "acks": "all"})
        self._topic = topic
        self._decisions = decisions
        self.positions: dict[int, Position] = {}

    def produce(self, traffic: Traffic, events_per_second: float, advance: Callable[[int], None]) -> None:
        """Return when every event is on Kafka. `advance` is called with the number of events just written."""
        waiting: list[PlannedEvent] = []
        began = time.monotonic()
        for number, event in enumerate(traffic.events):
            waiting = [each for each in waiting if not self._write_if_free(each)]
            if not self._write_if_free(event):
                waiting.append(event)
            if number % EVENTS_PER_PACE == 0:
                self._pace(began + number / events_per_second)
            advance(1)
        for each in waiting:
            self._write_after_its_predecessor(each)
        self._producer.flush(FLUSH_TIMEOUT_SECONDS)

    def _pace(self, due: float) -> None:
        self._producer.poll(0)
        ahead = due - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)

    def _write_if_free(self, event: PlannedEvent) -> bool:
        """Write it, unless an earlier event must be decided first; whether it was written."""
        if event.after is not None:
            position = self.positions.get(event.after)
            if position is None or self._decisions.reason(position) is None:
                return False
        self._write(event)
        return True

    def _write_after_its_predecessor(self, event: PlannedEvent) -> None:
        self._producer.flush(FLUSH_TIMEOUT_SECONDS)
        predecessor = self.positions[event.after] if event.after is not None else None
        if predecessor is not None and not self._decisions.wait_for(predecessor, PREDECESSOR_TIMEOUT_SECONDS):
            raise TimeoutError(f"event {event.after} got no decision, so {event.number} cannot follow")
        self._write(event)

    def _write(self, event: PlannedEvent) -> None:
        def remember(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                raise RuntimeError(f"event {event.number} was not written: {error}")
            self.positions[event.number] = (int(message.partition() or 0), int(message.offset() or 0))

        self._producer.produce(self._topic, event.value(datetime.now(UTC)), event.key, on_delivery=remember)
