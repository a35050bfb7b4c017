"""Upstream's consent changes are theirs: their number of partitions, their partitioner, their transactions."""

from collections.abc import Iterator

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from demo.checks.decision_consumer import DecisionConsumer
from demo.traffic.consent_changes import ConsentChanges, consent_change
from demo.traffic.paced_producer import PacedProducer
from demo.workers.worker_process import command_line, wait_until_ready
from demo.world import World
from saving_alerts.domain.reasons import Reason
from tests.end_to_end.conditions import wait_until
from tests.end_to_end.shoppers import good_coupons, long_freshness_rules, visit
from tests.kafka_cluster.cluster import KafkaCluster
from tests.kafka_cluster.libraries import require_java_and_maven

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(400)]

CONSENT_TOPIC = "saving-consent"
UPSTREAM_PARTITIONS = 5
SECONDS = 60
USERS = 20
SETTINGS = {
    "SAVING_ALERTS_CONSENT_TOPIC": CONSENT_TOPIC,
    "SAVING_ALERTS_TOPIC_PARTITIONS": "4",
    "SAVING_ALERTS_TOPIC_REPLICATION_FACTOR": "1",
    "SAVING_ALERTS_SESSION_TIMEOUT_SECONDS": "6",
}


@pytest.fixture
def world() -> Iterator[World]:
    require_java_and_maven()
    with KafkaCluster(brokers=1) as cluster, World(cluster.bootstrap_servers, SETTINGS) as world:
        admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
        for created_topic in admin.create_topics([NewTopic(CONSENT_TOPIC, UPSTREAM_PARTITIONS, 1)]).values():
            created_topic.result(SECONDS)
        created = command_line(["topics", "create"], world.environment)
        assert created.returncode == 0, created.stderr
        world.publish_reference_data()
        world.s3.put("rules.json", long_freshness_rules())
        world.coupon_api.coupons = good_coupons
        yield world


def in_transaction(world: World, user: str, *, commits: bool) -> None:
    """An opt-out in each partition of upstream's."""
    producer = Producer({"bootstrap.servers": world.bootstrap_servers, "transactional.id": user, "log_level": 0})
    producer.init_transactions(SECONDS)
    producer.begin_transaction()
    for partition in range(UPSTREAM_PARTITIONS):
        producer.produce(CONSENT_TOPIC, consent_change(consent=False), user, partition)
    if commits:
        producer.commit_transaction(SECONDS)
    else:
        producer.abort_transaction(SECONDS)


def test_opt_outs_hold_whoever_wrote_them_and_whoever_has_the_partition(world: World) -> None:
    in_transaction(world, "u-committed", commits=True)
    in_transaction(world, "u-aborted", commits=False)
    changes = ConsentChanges(world.bootstrap_servers, CONSENT_TOPIC)
    users = [f"u-{number}" for number in range(USERS)]
    changes.write({user.encode(): consent_change(consent=False) for user in users})
    workers = [world.start_worker() for _ in range(2)]
    wait_until_ready(workers)
    wait_until(lambda: all(worker.is_ready() for worker in workers), SECONDS, "both know their opt-outs")

    with DecisionConsumer(world.bootstrap_servers, world.topics.decisions.name) as decisions:
        producer = PacedProducer(world.bootstrap_servers, world.topics.source.name)
        before = [*users, "u-committed", "u-aborted", "u-other"]
        producer.write((visit(user, user) for user in before), 100)
        reasons = {user: answer(decisions, producer, user) for user in before}
        workers[0].kill()
        producer.write((visit(f"{user}-again", user) for user in users), 100)
        again = {answer(decisions, producer, f"{user}-again") for user in users}

    assert {reasons[user] for user in (*users, "u-committed")} == {Reason.NO_CONSENT}
    assert (reasons["u-aborted"], reasons["u-other"]) == (Reason.PUSHED, Reason.PUSHED)
    assert again == {Reason.NO_CONSENT}
    checked = command_line(["topics", "check"], world.environment)
    assert (checked.returncode, "and saving-consent, which may have any number" in checked.stdout) == (0, True)


def answer(decisions: DecisionConsumer, producer: PacedProducer, name: str) -> Reason | None:
    position = producer.positions[name]
    assert decisions.wait_for(position, SECONDS), name
    return decisions.reason(position)
