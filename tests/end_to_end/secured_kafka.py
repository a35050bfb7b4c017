"""A Kafka with TLS, logins and ACLs, a world beside it, and how a worker and the commands reach it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from click.testing import CliRunner, Result

from demo.checks.decision_consumer import DecisionConsumer, Position
from demo.traffic import merchants_jsonl
from demo.traffic.paced_producer import PacedProducer, Record
from demo.workers.worker_process import WorkerProcess
from demo.world import World
from saving_alerts.__main__ import main
from saving_alerts.domain.reasons import Reason
from tests.end_to_end.shoppers import good_coupons, long_freshness_rules, visit
from tests.kafka_cluster.cluster import KafkaCluster
from tests.kafka_cluster.security import SCRAM, Listener, Security
from tests.support.certificates import Authority
from tests.support.documented_acls import allow, documented_acls

WORKER, OPERATOR, POOR = "worker", "operator", "poor"
PASSWORD = "hunter2-of-kafka"
ANSWER_SECONDS = 60
EVENTS = 20
EVENTS_PER_SECOND = 100
ONE_BROKER = {"SAVING_ALERTS_TOPIC_PARTITIONS": "2", "SAVING_ALERTS_TOPIC_REPLICATION_FACTOR": "1"}


@dataclass(frozen=True, slots=True)
class SecuredKafka:
    """`world` reaches Kafka by its plain listener, where everything is allowed; `settings` says how others do."""

    world: World
    addresses: Mapping[str, str]
    ca_file: Path
    other_ca_file: Path

    def settings(self, listener: str, mechanism: str | None = None, user: str = WORKER) -> dict[str, str]:
        """For a worker or a command that comes by this listener; `mechanism` None: without a login."""
        login = {
            "SAVING_ALERTS_KAFKA_SASL_MECHANISM": mechanism or "",
            "SAVING_ALERTS_KAFKA_SASL_USERNAME": user,
            "SAVING_ALERTS_KAFKA_SASL_PASSWORD": PASSWORD,
        }
        return {
            "SAVING_ALERTS_KAFKA_BOOTSTRAP_SERVERS": self.addresses[listener],
            "SAVING_ALERTS_KAFKA_SECURITY_PROTOCOL": listener if listener.startswith("SASL") else "SSL",
            "SAVING_ALERTS_KAFKA_CA_FILE": str(self.ca_file),
            **(login if mechanism else {}),
        }


class SecuredDeployment:
    """Its topics are there; its worker and its operator have the ACLs that are documented, and no others."""

    def __init__(self, kafka: SecuredKafka) -> None:
        self.kafka = kafka
        self.world = kafka.world
        self.acls = documented_acls([topic.name for topic in self.world.topics.all])
        self._producer = PacedProducer(self.world.bootstrap_servers, self.world.topics.source.name)
        self._decisions = DecisionConsumer(self.world.bootstrap_servers, self.world.topics.decisions.name)

    def __enter__(self) -> Self:
        self._publish_reference_data()
        operators = {acl for who, acls in self.acls.items() if who != WORKER for acl in acls}
        allow(self.world.bootstrap_servers, WORKER, self.acls[WORKER])
        allow(self.world.bootstrap_servers, OPERATOR, operators)
        created = self.command("topics create", self.kafka.settings("SASL_SSL", "PLAIN", OPERATOR))
        assert created.exit_code == 0, created.output
        self._decisions.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._decisions.__exit__(kind, error, trace)

    def write(self, name: str) -> list[str]:
        """Events of twenty new shoppers, one each: their names, and ids. They are on Kafka then."""
        users = [f"u-{name}-{number}" for number in range(EVENTS)]
        self._producer.write((visit(user, user) for user in users), EVENTS_PER_SECOND)
        return users

    def write_invalid(self, name: str) -> None:
        """A record that becomes a dead letter."""
        self._producer.write([Record(name, b"key", lambda: b"no event")], EVENTS_PER_SECOND)
        assert self.reasons([name]) == {Reason.INVALID}

    def position(self, name: str) -> Position:
        """Partition and offset of an event on the source."""
        return self._producer.positions[name]

    def reasons(self, names: list[str]) -> set[Reason | None]:
        """How these events end."""
        positions = [self._producer.positions[name] for name in names]
        assert all(self._decisions.wait_for(position, ANSWER_SECONDS) for position in positions)
        return {self._decisions.reason(position) for position in positions}

    def command(self, line: str, settings: Mapping[str, str]) -> Result:
        """One of our commands with these settings; its words stand apart by one space."""
        return CliRunner().invoke(main, line.split(" "), env={**self.world.environment, **settings})

    def _publish_reference_data(self) -> None:
        self.world.s3.put("rules.json", long_freshness_rules())
        self.world.s3.put("merchants.jsonl", merchants_jsonl())
        self.world.coupon_api.coupons = good_coupons


@contextmanager
def secured_kafka(folder: Path) -> Iterator[SecuredKafka]:
    """One broker with a listener for each protocol, and two whose certificates are of no use."""
    authority, other = Authority(folder, "ours"), Authority(folder, "other")
    good = authority.issue("broker", "127.0.0.1")
    security = Security(
        listeners=(
            Listener("SSL", "SSL", good),
            Listener("SASL_SSL", "SASL_SSL", good, ("PLAIN", *SCRAM)),
            Listener("SASL_PLAINTEXT", "SASL_PLAINTEXT", None, SCRAM),
            # It takes who comes to localhost, and leads them to 127.0.0.1, for which it has no certificate.
            Listener("MISNAMED", "SSL", authority.issue("misnamed", "localhost")),
            Listener("EXPIRED", "SSL", authority.issue("expired", "127.0.0.1", expired=True)),
        ),
        passwords=dict.fromkeys((WORKER, OPERATOR, POOR), PASSWORD),
        scram_users=(WORKER, OPERATOR),
    )
    with KafkaCluster(1, security) as cluster, World(cluster.bootstrap_servers, ONE_BROKER) as world:
        addresses = {each.name: each.address for each in security.listeners}
        yield SecuredKafka(world, addresses, authority.ca_file, other.ca_file)


def condition(worker: WorkerProcess, name: str) -> str | None:
    """What is wrong with this condition of a worker, in words; None if it holds, or while nobody answers."""
    wrong = [each for each in worker.health().get("conditions", ()) if each["name"] == name and not each["ok"]]
    return wrong[0]["detail"] if wrong else None
