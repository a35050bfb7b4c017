"""Places that are named while others write."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import pytest
from aiokafka import TopicPartition

from saving_alerts.ledger.offset_lookup import OffsetLookup

TOPIC = "saving-alerts.decisions"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class QuietUntilLookedAt:
    """A consumer of a topic with five old records; the first new one is written right after a look by time."""

    def __init__(self) -> None:
        self._end = 5

    async def offsets_for_times(self, times: Mapping[TopicPartition, int]) -> dict[TopicPartition, object]:
        self._end += 1
        return {partition: (None if time else _Place(0, 1)) for partition, time in times.items()}

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, self._end)

    async def beginning_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 0)


class _Place:
    def __init__(self, offset: int, timestamp: int) -> None:
        self.offset, self.timestamp = offset, timestamp


@pytest.mark.asyncio
async def test_a_record_written_during_the_look_by_time_is_not_skipped() -> None:
    lookup = OffsetLookup(QuietUntilLookedAt())

    assert await lookup.at(TOPIC, [0], NOON) == {0: 5}
