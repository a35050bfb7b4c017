"""The notes that a consumer group keeps with its committed offsets, read and written by the worker that owns them."""

import logging
from collections.abc import Set as AbstractSet
from typing import cast

import faust
from aiokafka import TopicPartition
from faust.types import TP

from saving_alerts.delivery.intake import BatchConsumer
from saving_alerts.delivery.notes import Note, Notes
from saving_alerts.kafka_client import KafkaConnection, KafkaFailedError, commits

log = logging.getLogger(__name__)


class ConsumerMemory:
    """For the partitions of `topics` that are assigned to the app's consumer."""

    def __init__(self, app: faust.App, connection: KafkaConnection, group: str, topics: AbstractSet[str]) -> None:
        self._app = app
        self._connection = connection
        self._group = group
        self._topics = topics

    async def read(self) -> Notes:
        """Empty where the group cannot be asked: a note that is not read costs one more death, never an event."""
        owned = [tp for tp in self._consumer.assignment() if tp.topic in self._topics]
        try:
            found = await commits(self._connection, self._group, [TopicPartition(*tp) for tp in owned])
        except KafkaFailedError as error:
            log.warning("the notes of the former owners cannot be read: %s", error)
            return {}
        beginnings = await self._consumer.earliest_offsets(*(tp for tp in owned if found[TopicPartition(*tp)] is None))
        noted: Notes = {
            (tp.topic, tp.partition): (commit.offset, Note.read(commit.text))
            for tp in owned
            if (commit := found[TopicPartition(*tp)]) is not None
        }
        return {**noted, **{(tp[0], tp[1]): (offset, Note()) for tp, offset in beginnings.items()}}

    async def settle(self) -> None:
        await self._consumer.commit()

    async def write(self, notes: Notes) -> None:
        await self._consumer.commit_noted(
            {TP(*position): (offset, note.text()) for position, (offset, note) in notes.items()}
        )

    @property
    def _consumer(self) -> BatchConsumer:
        return cast("BatchConsumer", self._app.consumer)
