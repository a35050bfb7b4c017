"""A real Apache Kafka (KRaft, no ZooKeeper) of one or three brokers, whose brokers can be killed."""

import base64
import time
import uuid
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Literal, Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.kafka_cluster.broker import Broker
from tests.kafka_cluster.libraries import kafka_jars
from tests.kafka_cluster.security import Security

FORMAT_TIMEOUT_SECONDS = 60
READY_TIMEOUT_SECONDS = 60
PROBE_TIMEOUT_SECONDS = 1
PROBE_PAUSE_SECONDS = 0.1


class KafkaCluster:
    """Brokers 1 to n on free ports of 127.0.0.1, all serving when the block begins, all gone when it ends.

    Topics are not created automatically. With three brokers everything has three replicas, and two must be in sync.
    Data and addresses survive `kill` and `start`; a broker that was killed is known to be dead, and served again by
    its cluster, after about four seconds. A single broker can have `security`: `bootstrap_servers` stay plain.
    """

    def __init__(self, brokers: Literal[1, 3] = 1, security: Security | None = None) -> None:
        self._folder = TemporaryDirectory(prefix="saving-alerts-kafka-", ignore_cleanup_errors=True)
        jars, root = kafka_jars(), Path(self._folder.name)
        node_ids = range(1, brokers + 1)
        self._brokers = {node_id: Broker(node_id, root / f"broker-{node_id}", jars, security) for node_id in node_ids}
        self.bootstrap_servers = ",".join(broker.address for broker in self._brokers.values())

    def __enter__(self) -> Self:
        try:
            self._format()
            self.start_all()
            self.wait_until_ready(len(self._brokers))
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def kill(self, node_id: int) -> None:
        """SIGKILL one broker and return when its process is gone."""
        self._brokers[node_id].kill()

    def start(self, node_id: int) -> None:
        """Start a killed broker on its old data; `wait_until_ready` waits for it."""
        self._brokers[node_id].start()

    def kill_all(self) -> None:
        for broker in self._brokers.values():
            broker.kill()

    def start_all(self) -> None:
        for broker in self._brokers.values():
            broker.start()

    def stop(self) -> None:
        """Kill every broker, delete all data and give the ports back: this cluster cannot be started again."""
        for broker in self._brokers.values():
            broker.close()
        self._folder.cleanup()

    def wait_until_ready(self, brokers: int | None = None) -> None:
        """Return when every running broker serves and sees exactly the running ones; `brokers` says how many those are.

        Raises RuntimeError when another number runs, and with the end of the brokers' logs after a minute.
        """
        running = [broker for broker in self._brokers.values() if broker.running]
        if brokers is not None and brokers != len(running):
            raise RuntimeError(f"{len(running)} brokers are running, not {brokers}:\n{self.log_tail()}")
        deadline = time.monotonic() + READY_TIMEOUT_SECONDS
        for broker in running:
            while _brokers_seen_by(broker) != len(running):
                if not broker.running or time.monotonic() > deadline:
                    raise RuntimeError(f"Kafka is not ready:\n{self.log_tail()}")
                time.sleep(PROBE_PAUSE_SECONDS)

    def log_tail(self, lines: int = 20) -> str:
        """What the brokers printed last: errors, and what happened to consumer groups."""
        return "\n".join(broker.log_tail(lines) for broker in self._brokers.values())

    def _format(self) -> None:
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        nodes = self._brokers.values()
        voters = ",".join(f"{node.node_id}@127.0.0.1:{node.controller_port.number}" for node in nodes)
        for node in nodes:
            node.configure(voters, len(nodes))
        for formatting in [node.begin_format(cluster_id) for node in nodes]:
            if formatting.wait(FORMAT_TIMEOUT_SECONDS):
                raise RuntimeError(f"Kafka could not format its data folder, {self.log_tail()}")


def _brokers_seen_by(broker: Broker) -> int:
    """How many brokers this one lists; 0 while it does not serve."""
    admin = AdminClient({"bootstrap.servers": broker.address, "log_level": 0})
    try:
        return len(admin.list_topics(timeout=PROBE_TIMEOUT_SECONDS).brokers)
    except KafkaException:
        return 0
