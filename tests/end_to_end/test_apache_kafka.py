"""Three worker processes on a real Apache Kafka: every offset is answered once, every push is the expected one."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from confluent_kafka.admin import AdminClient

from demo.checks.decision_consumer import DecisionConsumer
from demo.checks.traffic_check import TrafficResult, check_traffic
from demo.traffic import Traffic, make_traffic
from demo.traffic.traffic_producer import TrafficProducer
from demo.workers.worker_process import WorkerProcess, command_line
from demo.world import World
from saving_alerts.domain.decisions import Reason
from tests.end_to_end.conditions import wait_until
from tests.kafka_cluster.cluster import KafkaCluster
from tests.kafka_cluster.libraries import require_java_and_maven

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(400)]

SEED = 11
EVENTS = 5_000
EVENTS_PER_SECOND = 250
WORKERS = 3
PARTITIONS = 12
GROUP = "saving-alerts"
ADMIN_TIMEOUT_SECONDS = 10
SPREAD_TIMEOUT_SECONDS = 60
ANSWER_TIMEOUT_SECONDS = 150
ONE_BROKER = {
    "SAVING_ALERTS_TOPIC_PARTITIONS": str(PARTITIONS),
    "SAVING_ALERTS_TOPIC_REPLICATION_FACTOR": "1",
}


@dataclass(frozen=True, slots=True)
class Played:
    """The world after the traffic; `shares` are the source partitions of each worker while it was played."""

    world: World
    workers: list[WorkerProcess]
    traffic: Traffic
    result: TrafficResult
    shares: list[list[int]]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    require_java_and_maven()
    with KafkaCluster(brokers=1) as cluster, World(cluster.bootstrap_servers, ONE_BROKER) as world:
        created = command_line(["topics", "create"], world.environment)
        assert created.returncode == 0, created.stderr
        yield world


@pytest.fixture(scope="module")
def played(world: World) -> Played:
    world.publish_reference_data()
    workers = [world.start_worker() for _ in range(WORKERS)]
    for worker in workers:
        worker.wait_until_ready()
    wait_until(lambda: is_spread(world), SPREAD_TIMEOUT_SECONDS, "every worker has partitions")
    traffic = make_traffic(SEED, EVENTS)
    result = play(world, traffic)
    return Played(world, workers, traffic, result, shares(world))


def play(world: World, traffic: Traffic) -> TrafficResult:
    world.teach_apis(traffic)
    with DecisionConsumer(world.bootstrap_servers, world.topics.decisions.name) as decisions:
        producer = TrafficProducer(world.bootstrap_servers, world.topics.source.name, decisions)
        producer.produce(traffic, EVENTS_PER_SECOND, lambda _: None)
        decisions.wait_for_answers(EVENTS, ANSWER_TIMEOUT_SECONDS)
        return check_traffic(traffic, producer, decisions, world.push_api)


def shares(world: World) -> list[list[int]]:
    """The source partitions of each member of the group, as Kafka knows them."""
    admin = AdminClient({"bootstrap.servers": world.bootstrap_servers})
    group = admin.describe_consumer_groups([GROUP])[GROUP].result(ADMIN_TIMEOUT_SECONDS)
    source = world.topics.source.name
    return [
        sorted(each.partition for each in member.assignment.topic_partitions if each.topic == source)
        for member in group.members
    ]


def is_spread(world: World) -> bool:
    """Whether every partition belongs to somebody, and every worker has some."""
    members = shares(world)
    return len(members) == WORKERS and all(members) and sum(map(len, members)) == PARTITIONS


def test_topics_of_unequal_size_are_refused_with_the_command_that_says_how_to_mend_it(world: World) -> None:
    small = {**world.environment, "SAVING_ALERTS_SOURCE_TOPIC": "small", "SAVING_ALERTS_TOPIC_PREFIX": "small"}
    command_line(["topics", "create"], {**small, "SAVING_ALERTS_TOPIC_PARTITIONS": "3"})

    worker = command_line(["worker"], {**small, "SAVING_ALERTS_SOURCE_TOPIC": world.topics.source.name})

    assert "with the same number of partitions" in worker.stderr
    assert "`saving-alerts topics create` says how to mend it" in worker.stderr
    assert worker.returncode == 1


def test_every_worker_has_partitions(played: Played) -> None:
    assert sorted(partition for share in played.shares for partition in share) == list(range(PARTITIONS))
    assert len([share for share in played.shares if share]) == WORKERS


def test_every_event_and_every_push_is_as_planned(played: Played) -> None:
    assert played.result.failures == ()


def test_the_pushes_that_must_arrive_are_the_ones_accepted(played: Played) -> None:
    accepted = {push.idempotency_key for push in played.world.push_api.accepted}

    assert accepted - played.traffic.uncertain_pushes == played.traffic.expected_pushes


def test_every_way_to_end_was_taken(played: Played) -> None:
    planned = {event.expected.reason for event in played.traffic.events}

    assert planned >= {Reason.PUSHED, Reason.CAPPED, Reason.DUPLICATE, Reason.NO_COUPON, Reason.INVALID}


def test_every_source_offset_has_exactly_one_answer(played: Played) -> None:
    audit = command_line(["audit", "--json"], played.world.environment)

    partitions = json.loads(audit.stdout)["partitions"]
    assert sum(partition["answered"] for partition in partitions) == EVENTS
    assert sum(partition["echoes"] for partition in partitions) == 0
    assert sum(partition["pending"] + partition["missing"] for partition in partitions) == 0
    assert audit.returncode == 0, audit.stderr


def test_workers_that_are_told_to_stop_end_without_an_error(played: Played) -> None:
    assert [worker.stop() for worker in played.workers] == [0] * WORKERS
