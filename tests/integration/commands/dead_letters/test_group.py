"""`dead-letters skip`, on a real Kafka: only Kafka knows who may change a group's offsets. And the way back."""

import asyncio
from collections.abc import Iterator

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from click.testing import CliRunner, Result

from demo.checks.decision_consumer import DecisionConsumer
from demo.traffic.paced_producer import PacedProducer, Record
from demo.workers.worker_process import command_line
from demo.world import World
from saving_alerts.commands.dead_letters.group import dead_letters
from saving_alerts.delivery.poison_pills.commit_metadata import PartitionMemo
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.client import commits
from saving_alerts.kafka.connection import KafkaConnection
from tests.end_to_end.conditions import wait_until
from tests.end_to_end.shoppers import PREPARED_OFFSET, prepared_alert
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
    producer = PacedProducer(world.bootstrap_servers, world.topics.source.name)
    producer.write(
        [Record(name, b"u-1", lambda: b"not json") for name in ("before", "skipped", "after")], per_second=50
    )
    positions = producer.positions

    result = skip(world, world.topics.source.name, *positions["skipped"])

    assert (result.exit_code, result.stderr) == (0, "")
    with DecisionConsumer(world.bootstrap_servers, world.topics.decisions.name) as decisions:
        worker = world.start_worker()
        worker.wait_until_ready()
        for name in ("before", "skipped", "after"):
            assert decisions.wait_for(positions[name], ANSWER_SECONDS)
        worker.stop()
        reasons = [decisions.reason(positions[name]) for name in ("before", "skipped", "after")]
    assert reasons == [Reason.INVALID, Reason.DEAD_LETTER, Reason.INVALID]


def test_a_replayed_event_keeps_its_position_and_is_pushed_once(world: World) -> None:
    """Two replays: the second finds what the first has done."""
    source_position = SourcePosition(world.topics.source.name, 0, PREPARED_OFFSET)
    producer = PacedProducer(world.bootstrap_servers, world.topics.alerts.name)
    producer.write([prepared_alert("again", source_position)], per_second=50)
    assert skip(world, world.topics.alerts.name, *producer.positions["again"]).exit_code == 0
    position = (source_position.partition, source_position.offset)

    with DecisionConsumer(world.bootstrap_servers, world.topics.decisions.name) as decisions:
        worker = world.start_worker()
        worker.wait_until_ready()
        assert decisions.wait_for(position, ANSWER_SECONDS)
        assert decisions.reason(position) == Reason.DEAD_LETTER
        # Its decision may be read before the dead letter is written: they are on two topics.
        place = f"({world.topics.alerts.name} {' '.join(map(str, producer.positions['again']))})"
        wait_until(lambda: place in listed(world)[-1], ANSWER_SECONDS, "it is a dead letter")
        for times in (2, 3):
            replayed = replay_last(world)
            assert (replayed.exit_code, replayed.stderr) == (0, "")
            wait_until(lambda: len(decisions.at(position)) == times, ANSWER_SECONDS, "it is decided again")  # noqa: B023
        worker.stop()
        assert decisions.reason(position) == Reason.PUSHED
    assert [push.push.user_id for push in world.push_api.accepted] == ["u-again"]


def listed(world: World) -> list[str]:
    """A line for each dead letter, the newest is the last."""
    return CliRunner().invoke(dead_letters, ["list"], env=world.environment).stdout.splitlines()


def replay_last(world: World) -> Result:
    """Replay the newest dead letter."""
    name = listed(world)[-1].split()[0]
    return CliRunner().invoke(dead_letters, ["replay", name, "--yes"], env=world.environment)


def test_it_is_refused_while_the_group_has_members(world: World) -> None:
    result = asyncio.run(skip_beside_a_member(world))

    assert result.exit_code == 2
    assert "stop them first" in result.stderr


async def skip_beside_a_member(world: World) -> Result:
    topic = world.topics.source.name
    producer = PacedProducer(world.bootstrap_servers, topic)
    producer.write([Record("any", b"u-1", lambda: b"?")], per_second=50)
    position = [topic, *map(str, producer.positions["any"])]
    member = AIOKafkaConsumer(topic, bootstrap_servers=world.bootstrap_servers, group_id="another")
    await member.start()
    try:
        environment = {**world.environment, "SAVING_ALERTS_APP_ID": "another"}
        return await asyncio.to_thread(CliRunner().invoke, dead_letters, ["skip", *position], env=environment)
    finally:
        await member.stop()


def test_two_skipped_records_are_both_remembered(world: World) -> None:
    producer = PacedProducer(world.bootstrap_servers, world.topics.alerts.name)
    producer.write([Record(name, b"u-1", lambda: b"?") for name in ("first", "second")], per_second=50)
    (number, first), (_, second) = producer.positions["first"], producer.positions["second"]
    world_of_nobody = {**world.environment, "SAVING_ALERTS_APP_ID": "nobody"}
    for offset in (second, first):
        arguments = ["skip", world.topics.alerts.name, str(number), str(offset)]
        assert CliRunner().invoke(dead_letters, arguments, env=world_of_nobody).exit_code == 0

    partition = TopicPartition(world.topics.alerts.name, number)
    found = asyncio.run(commits(KafkaConnection(world.bootstrap_servers), "nobody", [partition]))[partition]

    assert found is not None
    assert (found.offset, PartitionMemo.read(found.text)) == (0, PartitionMemo(skip=(first, second)))


@pytest.mark.parametrize(
    ("position", "message"),
    [
        pytest.param(("elsewhere", 0, 0), "TOPIC is one of saving-events, saving-alerts.val", id="no topic of ours"),
        pytest.param(("saving-events", 99, 0), "has 4 partitions", id="no such partition"),
        pytest.param(("saving-events", 0, 10**9), "there is no record at 1000000000 yet", id="no such record"),
    ],
)
def test_what_is_not_there_cannot_be_skipped(world: World, position: tuple[str, int, int], message: str) -> None:
    """A worker forgets the notes of a partition with nothing to do, and would try the record when it comes."""
    result = skip(world, *position)

    assert result.exit_code == 2
    assert message in result.stderr
