"""One Kafka broker, which is also a controller, in a process and a folder of its own."""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from demo.servers.free_port import FreePort
from demo.workers import child_process
from tests.kafka_cluster.security import Security

MINIMUM_REPLICAS_IN_SYNC = 2
MAXIMUM_REPLICATION_FACTOR = 3
# Brokers are known to be dead after this long (Kafka's default is 9 s), and a killed one may come back only then.
SESSION_TIMEOUT_MS = 4_000
HEARTBEAT_INTERVAL_MS = 500
# Kafka's 50 partitions per internal topic only cost start-up time here.
INTERNAL_TOPIC_PARTITIONS = 4
# Two cores and three brokers: quick start and little memory before peak speed.
JAVA_OPTIONS = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")
# Errors, and who came into a consumer group and left it, and why: no test of a rebalance is understood without.
LOG_OPTIONS = tuple(
    f"-Dorg.slf4j.simpleLogger.{option}"
    for option in (
        "defaultLogLevel=error",
        "log.org.apache.kafka.coordinator.group=info",
        "showDateTime=true",
        "dateTimeFormat=HH:mm:ss.SSS",
        "showThreadName=false",
        "showShortLogName=true",
    )
)


def java(jars: Path, main_class: str, *arguments: str) -> list[str]:
    """The command that runs a class of Kafka's."""
    return ["java", *JAVA_OPTIONS, *LOG_OPTIONS, "-cp", f"{jars}/*", main_class, *arguments]


@dataclass
class Broker:
    """A node of the cluster; its data in `folder` and its ports survive `kill` and `start`.

    Besides the plain listener it has those of `security`, and then asks for ACLs.
    """

    node_id: int
    folder: Path
    jars: Path
    security: Security | None = None
    port: FreePort = field(default_factory=FreePort)
    controller_port: FreePort = field(default_factory=FreePort)
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port.number}"

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def configure(self, voters: str, brokers: int) -> None:
        """Write `server.properties`; `voters` are all nodes as `id@host:controller port`."""
        self.folder.mkdir()
        properties = self._own_properties(voters) | self._listeners() | _shared_properties(brokers)
        text = "".join(f"{name}={value}\n" for name, value in properties.items())
        (self.folder / "server.properties").write_text(text)

    def begin_format(self, cluster_id: str) -> subprocess.Popen[bytes]:
        """Start formatting the data folder; the caller waits, so that several nodes format side by side."""
        # With "=", because a cluster id may begin with "-".
        arguments = ["format", f"--cluster-id={cluster_id}", "--config=server.properties"]
        arguments += self.security.format_arguments() if self.security else []
        return child_process.start(java(self.jars, "kafka.tools.StorageTool", *arguments), self.folder)

    def start(self) -> None:
        """Start the process without waiting for it to serve; does nothing if it runs."""
        if not self.running:
            self.process = child_process.start(java(self.jars, "kafka.Kafka", "server.properties"), self.folder)

    def kill(self) -> None:
        """SIGKILL; does nothing if it is already down."""
        if self.process is not None:
            child_process.kill(self.process)

    def close(self) -> None:
        self.kill()
        self.port.close()
        self.controller_port.close()
        if self.security:
            self.security.close()

    def log_tail(self, lines: int) -> str:
        return f"broker {self.node_id}:\n{child_process.log_tail(self.folder, lines)}"

    def _own_properties(self, voters: str) -> dict[str, object]:
        return {
            "process.roles": "broker,controller",
            "node.id": self.node_id,
            "controller.quorum.voters": voters,
            "controller.listener.names": "CONTROLLER",
            "log.dirs": self.folder / "data",
        }

    def _listeners(self) -> dict[str, object]:
        more = self.security.listeners if self.security else ()
        addresses = [f"PLAINTEXT://{self.address}", *(f"{each.name}://{each.address}" for each in more)]
        protocols = {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT", **{each.name: each.protocol for each in more}}
        return {
            "listeners": ",".join([*addresses, f"CONTROLLER://127.0.0.1:{self.controller_port.number}"]),
            "advertised.listeners": ",".join(addresses),
            "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, protocol in protocols.items()),
            **(self.security.properties() if self.security else {}),
        }


def _shared_properties(brokers: int) -> dict[str, object]:
    replicas = min(MAXIMUM_REPLICATION_FACTOR, brokers)
    in_sync = min(MINIMUM_REPLICAS_IN_SYNC, brokers)
    return {
        "num.partitions": 1,
        "default.replication.factor": replicas,
        "min.insync.replicas": in_sync,
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": 0,
        "offsets.topic.replication.factor": replicas,
        "offsets.topic.num.partitions": INTERNAL_TOPIC_PARTITIONS,
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": in_sync,
        "transaction.state.log.num.partitions": INTERNAL_TOPIC_PARTITIONS,
        "broker.session.timeout.ms": SESSION_TIMEOUT_MS,
        "broker.heartbeat.interval.ms": HEARTBEAT_INTERVAL_MS,
    }
