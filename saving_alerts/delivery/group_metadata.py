"""The memos that a consumer group keeps with its committed offsets, read and written by the worker that owns them."""

import logging
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import cast

import faust
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from faust.types import TP

from saving_alerts.delivery.consumer import BatchConsumer
from saving_alerts.delivery.poison_pills.commit_metadata import PartitionMemo, PartitionMemos
from saving_alerts.kafka.client import commits
from saving_alerts.kafka.connection import KafkaConnection, KafkaFailedError

log = logging.getLogger(__name__)


class ConsumerMetadata:
    """For the partitions of `topics` that are assigned to the app's consumer."""

    def __init__(self, app: faust.App, connection: KafkaConnection, group: str, topics: AbstractSet[str]) -> None:
        self._app = app
        self._connection = connection
        self._group = group
        self._topics = topics

    async def read(self) -> PartitionMemos:
        """Empty where the group cannot be asked: a memo that is not read costs one more death, never an event."""
        owned = [tp for tp in self._consumer.assignment() if tp.topic in self._topics]
        try:
            return await self._behind(owned)
        except (KafkaFailedError, KafkaError) as error:
            log.warning("the memos of the former owners cannot be read: %s", error)
            return {}

    async def _behind(self, owned: Sequence[TP]) -> PartitionMemos:
        """Of partitions that have records behind their commit. Where there is none, no record can have killed."""
        found = await commits(self._connection, self._group, [TopicPartition(*tp) for tp in owned])
        begun = {
            tp: (commit.offset, PartitionMemo.read(commit.text))
            for tp in owned
            if (commit := found[TopicPartition(*tp)])
        }
        beginnings = await self._consumer.earliest_offsets(*(tp for tp in owned if tp not in begun))
        fresh = {TP(*tp): (offset, PartitionMemo()) for tp, offset in beginnings.items()}
        ends = await self._consumer.highwaters(*owned)
        return {
            (tp.topic, tp.partition): (offset, memo)
            for tp, (offset, memo) in {**begun, **fresh}.items()
            if offset < ends[tp]
        }

    async def settle(self) -> None:
        await self._consumer.commit()

    async def write(self, memos: PartitionMemos) -> None:
        await self._consumer.memo_commits.write(
            {TP(*position): (offset, memo) for position, (offset, memo) in memos.items()}
        )

    @property
    def _consumer(self) -> BatchConsumer:
        return cast("BatchConsumer", self._app.consumer)
