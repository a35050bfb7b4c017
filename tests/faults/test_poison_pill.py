"""A poison pill, a record that kills every worker that handles it, becomes a dead letter; the other records go on."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from aiokafka import TopicPartition

from demo.checks.decision_consumer import DecisionConsumer
from demo.checks.group_offsets import GroupOffsets
from demo.traffic.directory import MERCHANTS
from demo.traffic.paced_producer import PacedProducer, Record
from demo.traffic.templates import Template
from demo.workers.worker_process import WorkerProcess, command_line
from demo.world import World
from saving_alerts.domain.events import EventType
from saving_alerts.domain.reasons import Reason
from saving_alerts.kafka.client import commits
from saving_alerts.kafka.connection import KafkaConnection
from tests.end_to_end.conditions import wait_until
from tests.kafka_cluster.cluster import KafkaCluster
from tests.kafka_cluster.libraries import require_java_and_maven

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

SIGKILL_EXIT_CODE = -9
# The first death does not count: a worker notes the partitions that have records when they are assigned, and this one
# had none. After three deaths at one offset the records are handled one at a time, the next death names the record, and
# the last one confirms it.
DEATHS = 6
DEATH_TIMEOUT_SECONDS = 60
ANSWER_TIMEOUT_SECONDS = 60
PARTITIONS = 4
GROUP = "saving-alerts"
SETTINGS = {
    "SAVING_ALERTS_TOPIC_PARTITIONS": str(PARTITIONS),
    "SAVING_ALERTS_TOPIC_REPLICATION_FACTOR": "1",
    "SAVING_ALERTS_SESSION_TIMEOUT_SECONDS": "6",
    "SAVING_ALERTS_GROUP_HEARTBEAT_SECONDS": "1.5",
}
# The failpoint stands for a record whose step kills the process.
POISON_PILL = {"SAVING_ALERTS_FAILPOINT": "before_step@query_coupons"}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    require_java_and_maven()
    with KafkaCluster(brokers=1) as cluster, World(cluster.bootstrap_servers, SETTINGS) as world:
        assert command_line(["topics", "create"], world.environment).returncode == 0
        world.publish_reference_data()
        yield world


def shopper(name: str) -> Record:
    template = Template(name, f"u-{name}", EventType.GEOFENCE_ENTERED, MERCHANTS[0].merchant_id, details=1)
    return Record(name, template.user_id.encode(), lambda: template.value(datetime.now(UTC)))


def deaths_of(worker: WorkerProcess, decisions: DecisionConsumer, position: tuple[int, int]) -> int:
    """How often the worker dies, and is started again, before the record has its answer."""
    deaths = 0
    while decisions.reason(position) is None:
        wait_until(
            lambda: not worker.is_running() or decisions.reason(position) is not None, DEATH_TIMEOUT_SECONDS, "an end"
        )
        if not worker.is_running():
            assert worker.wait() == SIGKILL_EXIT_CODE
            deaths += 1
            worker.start()
    return deaths


def commit_metadata_of(world: World) -> list[str]:
    """The metadata of the group's commits, where there is any."""
    partitions = [TopicPartition(topic.name, n) for topic in world.topics.inputs.values() for n in range(PARTITIONS)]
    found = asyncio.run(commits(KafkaConnection(world.bootstrap_servers), GROUP, partitions))
    return [commit.text for commit in found.values() if commit and commit.text]


@pytest.mark.long
def test_no_record_is_suspected_for_the_deaths_of_an_idle_worker(world: World) -> None:
    topics = [topic.name for topic in world.topics.inputs.values()]
    offsets = GroupOffsets(world.bootstrap_servers, GROUP, topics, PARTITIONS)
    worker = world.start_worker()
    producer = PacedProducer(world.bootstrap_servers, world.topics.source.name)
    for number in range(DEATHS):
        worker.wait_until_ready()
        producer.write([shopper(f"before-{number}")], per_second=10)
        wait_until(offsets.is_caught_up, ANSWER_TIMEOUT_SECONDS, "everything is committed")
        worker.kill()
        worker.start()
    worker.stop()

    assert commit_metadata_of(world) == []


def test_a_record_that_kills_its_worker_becomes_a_dead_letter(world: World) -> None:
    worker = world.start_worker(POISON_PILL)
    worker.wait_until_ready()
    with DecisionConsumer(world.bootstrap_servers, world.topics.decisions.name) as decisions:
        producer = PacedProducer(world.bootstrap_servers, world.topics.source.name)
        producer.write([shopper("killer")], per_second=10)
        deaths = deaths_of(worker, decisions, producer.positions["killer"])
        reason = decisions.reason(producer.positions["killer"])
        worker.stop()

    assert (deaths, reason) == (DEATHS, Reason.DEAD_LETTER)
    assert command_line(["audit"], world.environment).returncode == 0
