"""`saving-alerts dead-letters skip`: take a record out of the way by hand.

Workers find a record that kills them by themselves,
after five or six deaths. This is for whoever knows it earlier, or for a record that does harm in another way.
"""

import click
from aiokafka import TopicPartition

from saving_alerts.commands.deployment import settings_or_exit
from saving_alerts.commands.exits import CommandRefusedError
from saving_alerts.commands.output import say
from saving_alerts.commands.running import run
from saving_alerts.delivery.poison_pills.commit_metadata import PartitionMemo, TooManySkippedError
from saving_alerts.kafka.client import Commit, commits, members_of, write_commit
from saving_alerts.kafka.connection import KafkaConnection
from saving_alerts.ledger.offset_lookup import offset_lookup, partitions_of
from saving_alerts.settings import Settings


@click.command()
@click.argument("topic")
@click.argument("partition", type=click.IntRange(min=0))
@click.argument("offset", type=click.IntRange(min=0))
def skip(topic: str, partition: int, offset: int) -> None:
    """Let one record become a dead letter, untried, when a worker gets to it.

    TOPIC is the source or an internal topic. All workers must be stopped: Kafka lets nobody else change the offsets of
    a group with members.

    \b
    Example:
      saving-alerts dead-letters skip saving-alerts.validated 3 1207
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    settings = settings_or_exit()
    inputs = [each.name for each in settings.topics.inputs.values()]
    if topic not in inputs:
        raise CommandRefusedError(f"no worker reads {topic}; TOPIC is one of {', '.join(inputs)}")
    run(_skip(settings, TopicPartition(topic, partition), offset))
    say(f"{topic}-{partition} at {offset} becomes a dead letter when a worker gets to it")


async def _skip(settings: Settings, partition: TopicPartition, offset: int) -> None:
    connection, group = settings.kafka, settings.app_id
    await _refuse_unknown(connection, partition, offset)
    if members := await members_of(connection, group):
        raise CommandRefusedError(
            f"{len(members)} workers are in the group {group}: stop them first, then start them again"
        )
    commit = await _commit_of(connection, group, partition)
    if offset < commit.offset:
        raise CommandRefusedError(f"{offset} is done already: the group is at {commit.offset}")
    try:
        note = PartitionMemo.read(commit.text).with_skipped(offset)
    except TooManySkippedError as error:
        raise CommandRefusedError(str(error)) from error
    await write_commit(connection, group, partition, Commit(commit.offset, note.text()))


async def _refuse_unknown(connection: KafkaConnection, partition: TopicPartition, offset: int) -> None:
    """What is to come cannot be skipped: the note of a partition with nothing to do is forgotten."""
    topic, number = partition
    partitions = await partitions_of(connection, topic)
    if number not in partitions:
        raise CommandRefusedError(f"{topic} has {len(partitions)} partitions, so none with number {number}")
    async with offset_lookup(connection) as lookup:
        end = (await lookup.ends(topic, [number]))[number]
    if offset >= end:
        raise CommandRefusedError(f"there is no record at {offset} yet: {topic}-{number} ends at {end}")


async def _commit_of(connection: KafkaConnection, group: str, partition: TopicPartition) -> Commit:
    """Where the group would begin, if it has committed nothing."""
    if commit := (await commits(connection, group, [partition]))[partition]:
        return commit
    async with offset_lookup(connection) as lookup:
        beginnings = await lookup.beginnings(partition.topic, [partition.partition])
    return Commit(beginnings[partition.partition], "")
