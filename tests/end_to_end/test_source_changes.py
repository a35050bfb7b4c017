"""Upstream's topic is theirs: partitions are added to it, and it is deleted and made again, while workers run."""

from collections.abc import Callable, Iterator

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions, NewTopic

from demo.checks.decision_consumer import DecisionConsumer, Position
from demo.traffic import merchants_jsonl
from demo.traffic.paced_producer import PacedProducer, Record
from demo.workers.worker_process import WorkerProcess, command_line
from demo.world import World
from saving_alerts.domain.decisions import Decision
from saving_alerts.domain.reasons import Reason
from tests.end_to_end.conditions import wait_until
from tests.end_to_end.shoppers import app_opened, good_coupons, long_freshness_rules, visit
from tests.kafka_cluster.cluster import KafkaCluster
from tests.kafka_cluster.libraries import require_java_and_maven

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

PARTITIONS = 2
SETTINGS = {"SAVING_ALERTS_TOPIC_PARTITIONS": str(PARTITIONS), "SAVING_ALERTS_TOPIC_REPLICATION_FACTOR": "1"}
ADMIN_SECONDS = 20
REACTION_SECONDS = 60
FORMER, NOW = 40, 10  # the new topic is shorter than the former one
AT_ONCE = 1_000_000


@pytest.fixture
def world() -> Iterator[World]:
    require_java_and_maven()
    with KafkaCluster(brokers=1) as cluster, World(cluster.bootstrap_servers, SETTINGS) as world:
        created = command_line(["topics", "create"], world.environment)
        assert created.returncode == 0, created.stderr
        world.s3.put("rules.json", long_freshness_rules())
        world.s3.put("merchants.jsonl", merchants_jsonl())
        world.coupon_api.coupons = good_coupons
        yield world


@pytest.fixture
def decisions(world: World) -> Iterator[DecisionConsumer]:
    with DecisionConsumer(world.bootstrap_servers, world.topics.decisions.name) as decisions:
        yield decisions


def started(world: World) -> WorkerProcess:
    worker = world.start_worker()
    worker.wait_until_ready()
    return worker


def shoppers(name: str, count: int) -> list[Record]:
    """Every second one visits a store; the others end in receipts."""
    kinds: list[Callable[[str, str], Record]] = [visit, app_opened]
    return [kinds[number % 2](f"{name}-{number}", f"u-{name}-{number}") for number in range(count)]


def all_answered(decisions: DecisionConsumer, positions: list[Position]) -> None:
    wait_until(
        lambda: all(decisions.reason(position) for position in positions),
        REACTION_SECONDS,
        "every event has its answer",
    )


def pushed(world: World) -> set[str]:
    return {push.push.trace.event_id for push in world.push_api.accepted}


def test_a_source_that_was_made_again_is_read_from_its_beginning(world: World, decisions: DecisionConsumer) -> None:
    """A visit of the new topic stands where one of the former topic was pushed."""
    worker = started(world)
    source = world.topics.source.name
    former = PacedProducer(world.bootstrap_servers, source)
    former.write(shoppers("former", FORMER), AT_ONCE)
    all_answered(decisions, list(former.positions.values()))
    admin = AdminClient({"bootstrap.servers": world.bootstrap_servers, "log_level": 0})

    admin.delete_topics([source])[source].result(ADMIN_SECONDS)
    wait_until(lambda: source not in admin.list_topics(timeout=ADMIN_SECONDS).topics, ADMIN_SECONDS, "it is gone")
    admin.create_topics([NewTopic(source, PARTITIONS, 1)])[source].result(ADMIN_SECONDS)
    wait_until(lambda: source in admin.list_topics(timeout=ADMIN_SECONDS).topics, ADMIN_SECONDS, "it is there")
    again = PacedProducer(world.bootstrap_servers, source)
    again.write(shoppers("again", NOW), AT_ONCE)

    visits = {f"again-{number}" for number in range(0, NOW, 2)}
    wait_until(lambda: visits <= pushed(world), REACTION_SECONDS, f"{visits - pushed(world)} are pushed")

    def decided() -> list[Decision]:
        return [each for name in visits for each in decisions.at(again.positions[name]) if each.event_id == name]

    wait_until(lambda: {each.event_id for each in decided()} == visits, REACTION_SECONDS, "each push is decided")
    assert {each.reason for each in decided()} == {Reason.PUSHED}
    assert not any("again" in each.details for each in decided())
    wait_until(lambda: audit_says(world, f"{NOW} source offsets: {NOW} answered"), REACTION_SECONDS, "all is committed")
    assert command_line(["audit"], world.environment).returncode == 0
    assert worker.exit_code is None


def audit_says(world: World, words: str) -> bool:
    return words in command_line(["audit"], world.environment).stdout


def test_partitions_that_are_added_are_read_and_a_condition_says_what_differs(
    world: World, decisions: DecisionConsumer
) -> None:
    worker = started(world)
    source = world.topics.source.name
    admin = AdminClient({"bootstrap.servers": world.bootstrap_servers, "log_level": 0})

    admin.create_partitions([NewPartitions(source, PARTITIONS + 1)])[source].result(ADMIN_SECONDS)
    wait_until(lambda: partitions_of(admin, source) == PARTITIONS + 1, ADMIN_SECONDS, "the broker knows of it")
    feed = PacedProducer(world.bootstrap_servers, source)
    feed.write(shoppers("more", 4 * NOW), AT_ONCE)

    assert PARTITIONS in {partition for partition, _ in feed.positions.values()}
    all_answered(decisions, list(feed.positions.values()))
    wait_until(lambda: topics_differ(worker), REACTION_SECONDS, "health says topics")
    assert worker.is_ready()
    wait_until(
        lambda: audit_says(world, f"{4 * NOW} source offsets: {4 * NOW} answered"), REACTION_SECONDS, "the audit"
    )
    assert worker.exit_code is None


def partitions_of(admin: AdminClient, topic: str) -> int:
    """As a broker tells its clients: the controller has decided it before."""
    return len(admin.list_topics(topic, timeout=ADMIN_SECONDS).topics[topic].partitions)


def topics_differ(worker: WorkerProcess) -> bool:
    conditions = worker.health().get("conditions", ())
    return any(
        each["name"] == "topics" and not each["ok"] and f"saving-events has {PARTITIONS + 1}" in each["detail"]
        for each in conditions
    )
