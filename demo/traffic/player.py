"""Plays planned traffic onto the source topic, as the tracking API would."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from confluent_kafka import KafkaError, Message, Producer

from demo.checks.decision_follower import LedgerWatch, Place
from demo.traffic import PlannedEvent, Traffic

FLUSH_TIMEOUT_SECONDS = 60
FOLLOWER_TIMEOUT_SECONDS = 90
PACE_EVENTS = 20


class Player:
    """Writes events at a rate, each with fresh times, and remembers where each one stands on the source.

    Its producer hashes keys its own way, as librdkafka's do by default: the workers re-key.
    """

    def __init__(self, bootstrap_servers: str, topic: str, watch: LedgerWatch) -> None:
        self._producer = Producer({"bootstrap.servers": bootstrap_servers, "linger.ms": 5, "acks": "all"})
        self._topic = topic
        self._watch = watch
        self.places: dict[int, Place] = {}

    def play(self, traffic: Traffic, events_per_second: float, advance: Callable[[int], None]) -> None:
        """Return when every event is on Kafka. `advance` is told how many more were written."""
        waiting: list[PlannedEvent] = []
        began = time.monotonic()
        for number, event in enumerate(traffic.events):
            waiting = [follower for follower in waiting if not self._write_if_free(follower)]
            if not self._write_if_free(event):
                waiting.append(event)
            if number % PACE_EVENTS == 0:
                self._pace(began + number / events_per_second)
            advance(1)
        for follower in waiting:
            self._write_after_its_leader(follower)
        self._producer.flush(FLUSH_TIMEOUT_SECONDS)

    def _pace(self, due: float) -> None:
        self._producer.poll(0)
        ahead = due - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)

    def _write_if_free(self, event: PlannedEvent) -> bool:
        """Write it, unless an earlier event must be decided first."""
        if event.after is not None:
            place = self.places.get(event.after)
            if place is None or self._watch.reason(place) is None:
                return False
        self._write(event)
        return True

    def _write_after_its_leader(self, event: PlannedEvent) -> None:
        self._producer.flush(FLUSH_TIMEOUT_SECONDS)
        leader = self.places[event.after] if event.after is not None else None
        if leader is not None and not self._watch.wait_for(leader, FOLLOWER_TIMEOUT_SECONDS):
            raise TimeoutError(f"event {event.after} got no decision, so {event.number} cannot follow")
        self._write(event)

    def _write(self, event: PlannedEvent) -> None:
        def remember(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                raise RuntimeError(f"event {event.number} was not written: {error}")
            self.places[event.number] = (int(message.partition() or 0), int(message.offset() or 0))

        self._producer.produce(self._topic, event.value(datetime.now(UTC)), event.key, on_delivery=remember)
