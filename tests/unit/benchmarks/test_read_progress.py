"""The consumers written by hand outlive a rebalance: what they lost is neither committed nor missed."""

from typing import cast

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError

from benchmarks.contenders.read_progress import ReadProgress, commit

pytestmark = pytest.mark.asyncio

KEPT, LOST = TopicPartition("saving-events", 0), TopicPartition("saving-events", 1)


class FakeConsumer:
    """Remembers what was committed, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.committed: dict[TopicPartition, int] = {}
        self._error = error

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        if self._error is not None:
            raise self._error
        self.committed |= offsets


async def test_a_commit_stays_behind_what_is_in_work_and_leaves_out_what_was_lost() -> None:
    progress, consumer = ReadProgress(), FakeConsumer()
    for partition in (KEPT, LOST):
        progress.begin(partition, 5)
        progress.begin(partition, 7)
        progress.next_offset[partition] = 8

    await progress.on_partitions_revoked({LOST})
    progress.end(LOST, 5)
    progress.end(KEPT, 5)

    assert await commit(cast("AIOKafkaConsumer", consumer), progress.committable())
    assert consumer.committed == {KEPT: 7}


@pytest.mark.parametrize("error", [IllegalStateError("not assigned"), CommitFailedError(), ValueError("not assigned")])
async def test_a_commit_of_what_has_gone_meanwhile_fails_and_ends_nothing(error: Exception) -> None:
    assert not await commit(cast("AIOKafkaConsumer", FakeConsumer(error)), {LOST: 8})
