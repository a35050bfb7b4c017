"""Records of the source that an operator sets aside before any worker looks at them."""

import asyncio

from aiokafka import TopicPartition

from demo.checks.decision_consumer import Position
from demo.world import World
from saving_alerts.delivery.poison_pills.commit_metadata import PartitionMemo
from saving_alerts.kafka.client import Commit, commits, write_commit
from saving_alerts.kafka.connection import KafkaConnection
from tests.end_to_end.shoppers import visit
from tests.recorded.driver import Driver
from tests.recorded.taking import GROUP, Taken


def skip_two(driver: Driver, taken: Taken) -> list[Position]:
    """Of one partition, so that its note lists both. Where they stand; no worker may run yet."""
    positions = [driver.write(visit(name, "u-skipped"))[0] for name in ("skipped-1", "skipped-2")]
    for position in positions:
        asyncio.run(_skip(driver.world, position))
    asyncio.run(taken.take_notes(driver.world, "an operator has skipped two"))
    return positions


async def _skip(world: World, position: Position) -> None:
    """What `dead-letters skip` writes. The command itself asks for the group's members, which this Kafka cannot say."""
    connection, partition = (
        KafkaConnection(world.bootstrap_servers),
        TopicPartition(world.topics.source.name, position[0]),
    )
    commit = (await commits(connection, GROUP, [partition]))[partition] or Commit(0, "")
    note = PartitionMemo.read(commit.text).with_skipped(position[1])
    await write_commit(connection, GROUP, partition, Commit(commit.offset, note.text()))
