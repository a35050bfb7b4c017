"""A stub of whoever owns consent: writes changes to their topic, in the partition that their partitioner chooses."""

import json

from confluent_kafka import Producer

FLUSH_TIMEOUT_SECONDS = 30


class ConsentChanges:
    """The partitioner is librdkafka's own, which is not ours."""

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        self._producer = Producer({"bootstrap.servers": bootstrap_servers, "linger.ms": 0, "log_level": 0})
        self._topic = topic

    def write(self, changes: dict[bytes, bytes | None]) -> None:
        """Values by user: return when Kafka has them. Raises RuntimeError where it does not take them."""
        for key, value in changes.items():
            self._producer.produce(self._topic, value, key)
        if left := self._producer.flush(FLUSH_TIMEOUT_SECONDS):
            raise RuntimeError(f"{left} consent changes were not written")


def consent_change(*, consent: bool) -> bytes:
    """The value of a record of docs/contracts.md."""
    return json.dumps({"schema": 1, "push": {"consent": consent}}).encode()
