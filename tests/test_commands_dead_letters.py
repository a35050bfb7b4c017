"""`dead-letters skip`, on a real Kafka: only Kafka knows who may change a group's offsets."""

import asyncio
from collections.abc import Iterator

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from click.testing import CliRunner, Result

from demo.feed import Feed, Record
from demo.ledger_watch import LedgerWatch
from demo.worker_process import command_line
from demo.world import World
from saving_alerts.commands.dead_letters import dead_letters
from saving_alerts.delivery.notes import Note
from saving_alerts.domain.decisions import Reason
from saving_alerts.kafka_client import KafkaConnection, commits
from tests.kafka_cluster.cluster import KafkaCluster
from tests.kafka_cluster.libraries import require_java_and_maven

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

SETTINGS = {"SAVING_ALERTS_TOPIC_PARTITIONS": "4", "SAVING_ALERTS_TOPIC_REPLICATION_FACTOR": "1"}
GROUP = "saving-alerts"
ANSWER_SECONDS = 60


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    require_java_and_maven()
    with KafkaCluster(brokers=1) as cluster, World(cluster.bootstrap_servers, SETTINGS) as world:
        assert command_line(["topics", "create"], world.environment).returncode == 0
        world.publish_reference_data()
        yield world


def skip(world: World, *arguments: object) -> Result:
    return CliRunner().invoke(dead_letters, ["skip", *map(str, arguments)], env=world.environment)


def test_a_skipped_record_becomes_a_dead_letter_and_its_neighbours_do_not(world: World) -> None:
    feed = Feed(world.bootstrap_servers, world.topics.source.name)
    feed.write([Record(name, b"u-1", lambda: b"not json") for name in ("before", "skipped", "after")], per_second=50)
    places = feed.places

    result = skip(world, world.topics.source.name, *places["skipped"])

    assert (result.exit_code, result.stderr) == (0, "")
    with LedgerWatch(world.bootstrap_servers, world.topics.decisions.name) as watch:
        world.start_worker().wait_until_ready()
        for name in ("before", "skipped", "after"):
            assert watch.wait_for(places[name], ANSWER_SECONDS)
        reasons = [watch.reason(places[name]) for name in ("before", "skipped", "after")]
    assert reasons == [Reason.INVALID, Reason.DEAD_LETTER, Reason.INVALID]


def test_it_is_refused_while_the_group_has_members(world: World) -> None:
    result = asyncio.run(skip_beside_a_member(world))

    assert result.exit_code == 2
    assert "stop them first" in result.stderr


async def skip_beside_a_member(world: World) -> Result:
    topic = world.topics.source.name
    member = AIOKafkaConsumer(topic, bootstrap_servers=world.bootstrap_servers, group_id="another")
    await member.start()
    try:
        environment = {**world.environment, "SAVING_ALERTS_APP_ID": "another"}
        return await asyncio.to_thread(CliRunner().invoke, dead_letters, ["skip", topic, "0", "7"], env=environment)
    finally:
        await member.stop()


def test_two_skipped_records_are_both_remembered(world: World) -> None:
    world_of_nobody = {**world.environment, "SAVING_ALERTS_APP_ID": "nobody"}
    for offset in ("5", "3"):
        arguments = ["skip", world.topics.alerts.name, "1", offset]
        assert CliRunner().invoke(dead_letters, arguments, env=world_of_nobody).exit_code == 0

    partition = TopicPartition(world.topics.alerts.name, 1)
    found = asyncio.run(commits(KafkaConnection(world.bootstrap_servers), "nobody", [partition]))[partition]

    assert found is not None
    assert (found.offset, Note.read(found.text)) == (0, Note(skip=(3, 5)))


@pytest.mark.parametrize(
    ("topic", "partition", "said"),
    [
        pytest.param("elsewhere", 0, "TOPIC is one of saving-events, saving-alerts.validated", id="no topic of ours"),
        pytest.param("saving-events", 99, "has 4 partitions", id="no such partition"),
    ],
)
def test_what_is_not_there_cannot_be_skipped(world: World, topic: str, partition: int, said: str) -> None:
    result = skip(world, topic, partition, 0)

    assert result.exit_code == 2
    assert said in result.stderr
