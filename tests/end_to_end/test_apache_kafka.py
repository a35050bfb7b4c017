"""Three worker processes on a real Apache Kafka: every offset is answered once, every push is the expected one."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from confluent_kafka.admin import AdminClient

from demo.checks.traffic_check import TrafficResult
from demo.traffic import Traffic, make_traffic
from demo.workers.worker_process import WorkerProcess, command_line, wait_until_ready
from demo.world import World
from saving_alerts.domain.reasons import Reason
from tests.end_to_end.conditions import wait_until
from tests.end_to_end.traffic import run_traffic
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
ASSIGNMENT_TIMEOUT_SECONDS = 60
ANSWER_TIMEOUT_SECONDS = 150
ONE_BROKER = {
    "SAVING_ALERTS_TOPIC_PARTITIONS": str(PARTITIONS),
    "SAVING_ALERTS_TOPIC_REPLICATION_FACTOR": "1",
}


@dataclass(frozen=True, slots=True)
class CompletedRun:
    """The world after the traffic; `assignments` are the source partitions of each worker."""

    world: World
    workers: list[WorkerProcess]
    traffic: Traffic
    result: TrafficResult
    assignments: list[list[int]]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    require_java_and_maven()
    with KafkaCluster(brokers=1) as cluster, World(cluster.bootstrap_servers, ONE_BROKER) as world:
        created = command_line(["topics", "create"], world.environment)
        assert created.returncode == 0, created.stderr
        yield world


@pytest.fixture(scope="module")
def completed(world: World) -> CompletedRun:
    world.publish_reference_data()
    workers = [world.start_worker() for _ in range(WORKERS)]
    wait_until_ready(workers)
    wait_until(lambda: is_balanced(world), ASSIGNMENT_TIMEOUT_SECONDS, "every worker has partitions")
    traffic = make_traffic(SEED, EVENTS)
    result = run_traffic(world, traffic, EVENTS_PER_SECOND, ANSWER_TIMEOUT_SECONDS)
    return CompletedRun(world, workers, traffic, result, assignments(world))


def assignments(world: World) -> list[list[int]]:
    """The source partitions that are assigned to each member of the group, as Kafka reports them."""
    admin = AdminClient({"bootstrap.servers": world.bootstrap_servers})
    group = admin.describe_consumer_groups([GROUP])[GROUP].result(ADMIN_TIMEOUT_SECONDS)
    source = world.topics.source.name
    return [
        sorted(each.partition for each in member.assignment.topic_partitions if each.topic == source)
        for member in group.members
    ]


def is_balanced(world: World) -> bool:
    """Whether every partition is assigned, and every worker has some."""
    members = assignments(world)
    return len(members) == WORKERS and all(members) and sum(map(len, members)) == PARTITIONS


def test_topics_of_unequal_size_are_refused_with_the_command_that_says_how_to_mend_it(world: World) -> None:
    small = {**world.environment, "SAVING_ALERTS_SOURCE_TOPIC": "small", "SAVING_ALERTS_TOPIC_PREFIX": "small"}
    command_line(["topics", "create"], {**small, "SAVING_ALERTS_TOPIC_PARTITIONS": "3"})

    worker = command_line(["worker"], {**small, "SAVING_ALERTS_SOURCE_TOPIC": world.topics.source.name})

    assert "with the same number of partitions" in worker.stderr
    assert "`saving-alerts topics create` says how to mend it" in worker.stderr
    assert worker.returncode == 1


def test_every_worker_has_partitions(completed: CompletedRun) -> None:
    assert sorted(partition for share in completed.assignments for partition in share) == list(range(PARTITIONS))
    assert len([share for share in completed.assignments if share]) == WORKERS


def test_every_event_and_every_push_is_as_planned(completed: CompletedRun) -> None:
    assert completed.result.failures == ()


def test_the_pushes_that_must_arrive_are_the_ones_accepted(completed: CompletedRun) -> None:
    accepted = {push.idempotency_key for push in completed.world.push_api.accepted}

    assert accepted - completed.traffic.uncertain_pushes == completed.traffic.expected_pushes


def test_every_way_to_end_was_taken(completed: CompletedRun) -> None:
    planned = {event.expected.reason for event in completed.traffic.events}

    assert planned >= {Reason.PUSHED, Reason.CAPPED, Reason.DUPLICATE, Reason.NO_COUPON, Reason.INVALID}


def test_every_source_offset_has_exactly_one_answer(completed: CompletedRun) -> None:
    audit = command_line(["audit", "--json"], completed.world.environment)

    partitions = json.loads(audit.stdout)["partitions"]
    assert sum(partition["answered"] for partition in partitions) == EVENTS
    assert sum(partition["echoes"] for partition in partitions) == 0
    assert sum(partition["pending"] + partition["missing"] for partition in partitions) == 0
    assert audit.returncode == 0, audit.stderr


def test_workers_that_are_told_to_stop_end_without_an_error(completed: CompletedRun) -> None:
    assert [worker.stop() for worker in completed.workers] == [0] * WORKERS
