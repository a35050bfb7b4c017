"""A Kafka broker inside this process: librdkafka's mock cluster, for the demo and the quick tests."""

from types import TracebackType
from typing import Self

from confluent_kafka import Producer

START_TIMEOUT_SECONDS = 10


class EmbeddedKafka:
    """A cluster of one broker on 127.0.0.1, up in milliseconds, empty at every start.

    Every topic anybody asks for appears with 4 partitions; that number cannot be set. There is no CreateTopics and no
    compaction, and an empty fetch takes a second or more: never judge latency on it. It lives in native threads of
    this process, so a blocked event loop does not stop it.
    """

    bootstrap_servers: str

    def __enter__(self) -> Self:
        # librdkafka announces the mock on stderr, and demands an address that it then replaces.
        self._cluster = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "127.0.0.1:1", "log_level": 0})
        (broker,) = self._cluster.list_topics(timeout=START_TIMEOUT_SECONDS).brokers.values()
        self.bootstrap_servers = f"{broker.host}:{broker.port}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cluster.close()
