"""On a real Kafka the group knows its members: one that nobody hears of is waited for, one that has left is not."""

from collections.abc import Iterator

import pytest
from redis import Redis

from demo.workers.worker_process import WorkerProcess, command_line, wait_until_ready
from demo.world import World
from tests.end_to_end.conditions import wait_until
from tests.kafka_cluster.cluster import KafkaCluster
from tests.kafka_cluster.libraries import require_java_and_maven

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(400)]

SECONDS = 60
SETTINGS = {
    "SAVING_ALERTS_TOPIC_PARTITIONS": "4",
    "SAVING_ALERTS_TOPIC_REPLICATION_FACTOR": "1",
    # Longer than the command waits: a paused worker stays a member.
    "SAVING_ALERTS_SESSION_TIMEOUT_SECONDS": "90",
}
OFF = ("off", "all", "--reason", "r", "--by", "b", "--wait")
ON = ("on", "all", "--reason", "r", "--by", "b", "--wait")


@pytest.fixture
def world() -> Iterator[World]:
    require_java_and_maven()
    with KafkaCluster(brokers=1) as cluster, World(cluster.bootstrap_servers, SETTINGS) as world:
        created = command_line(["topics", "create"], world.environment)
        assert created.returncode == 0, created.stderr
        world.publish_reference_data()
        yield world


def kill(world: World, *arguments: str) -> tuple[int, str]:
    ended = command_line(["kill", *arguments], world.environment)
    return ended.returncode, ended.stdout + ended.stderr


def names_its_member(worker: WorkerProcess) -> bool:
    rows = worker.json("/stats.json").get("cluster", [])
    return all(row["member"] for row in rows) and len(rows) == 2


def test_members_are_waited_for_until_they_have_left(world: World) -> None:
    first, second = world.start_worker(), world.start_worker()
    wait_until_ready((first, second))
    wait_until(lambda: names_its_member(first), SECONDS, "both say which member they are")

    second.pause()
    Redis.from_url(world.redis.url).flushall()
    paused = kill(world, *ON)
    second.resume()
    awake = kill(world, *OFF)
    second.stop()
    left = kill(world, *ON)

    assert paused[0] == 1
    assert "not confirmed by a member of the consumer group at " in paused[1]
    assert awake[0] == 0
    assert "confirmed by worker-1, worker-2\n" in awake[1]
    assert left[0] == 0
    assert "confirmed by worker-1\n" in left[1]
