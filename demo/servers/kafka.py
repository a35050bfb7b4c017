"""A Kafka broker inside this process: librdkafka's mock cluster, for the demo and the quick tests."""

import ctypes
from types import TracebackType
from typing import Self

from confluent_kafka import cimpl

# librdkafka announces the mock on stderr, and demands an address that it then replaces.
SETTINGS = {b"test.mock.num.brokers": b"1", b"bootstrap.servers": b"127.0.0.1:1", b"log_level": b"0"}
LATER_MILLISECONDS = 500
PRODUCER, BROKER, JOIN_GROUP, NO_ERROR = 0, 1, 11, 0  # as librdkafka and Kafka's protocol number them


class EmbeddedKafka:
    """A cluster of one broker on 127.0.0.1, up in milliseconds, empty at every start.

    Every topic anybody asks for appears with 4 partitions; that number cannot be set. There is no CreateTopics and no
    compaction, and an empty fetch takes a second or more: never judge latency on it. It lives in native threads of
    this process, so a blocked event loop does not stop it.

    The mock refuses the SyncGroup of a member that sends it after the group's leader, with INVALID_REQUEST, on which a
    worker exits to be restarted. Who wins is a matter of two milliseconds. The leader is the one that joined first, so
    the first join here is answered half a second after the others. In a later rebalance it is a race again.
    """

    bootstrap_servers: str

    def __enter__(self) -> Self:
        conf = librdkafka.rd_kafka_conf_new()
        for name, value in SETTINGS.items():
            librdkafka.rd_kafka_conf_set(conf, name, value, None, 0)
        self._client = librdkafka.rd_kafka_new(PRODUCER, conf, None, 0)
        if self._client is None:
            raise RuntimeError("librdkafka made no client")
        cluster = librdkafka.rd_kafka_handle_mock_cluster(self._client)
        self.bootstrap_servers = librdkafka.rd_kafka_mock_cluster_bootstraps(cluster).decode()
        # It counts from the answer, not from the request: the 3 s that the mock waits for further members come before.
        librdkafka.rd_kafka_mock_broker_push_request_error_rtts(
            cluster, BROKER, JOIN_GROUP, 1, NO_ERROR, LATER_MILLISECONDS
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        librdkafka.rd_kafka_destroy(self._client)


def _librdkafka() -> ctypes.CDLL:
    """The library below confluent_kafka: Python is given no handle on its mock cluster."""
    library = ctypes.CDLL(cimpl.__file__)
    pointer, text, size = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
    # What follows the count of the third is variadic: an error and a time for each request.
    for name, arguments, result in (
        ("conf_new", (), pointer),
        ("conf_set", (pointer, text, text, text, size), ctypes.c_int),
        ("mock_broker_push_request_error_rtts", (pointer, ctypes.c_int32, ctypes.c_int16, size), ctypes.c_int),
        ("new", (ctypes.c_int, pointer, text, size), pointer),
        ("handle_mock_cluster", (pointer,), pointer),
        ("mock_cluster_bootstraps", (pointer,), text),
        ("destroy", (pointer,), None),
    ):
        function = getattr(library, f"rd_kafka_{name}")
        function.argtypes, function.restype = arguments, result
    return library


librdkafka = _librdkafka()
