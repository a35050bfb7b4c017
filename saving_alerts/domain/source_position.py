"""Topic, partition and offset of an event on the source: its identity in every later record, decision and claim."""

from typing import Annotated

import msgspec
from msgspec import Meta

from saving_alerts.domain.decoding import Offset, PartitionNumber

MAX_TOPIC_CHARACTERS = 249  # Kafka's own limit

_PARTITIONS = range(2**31)
_OFFSETS = range(2**63)


class SourcePosition(msgspec.Struct, frozen=True, order=True, gc=False):
    """One record of the source topic. Its text is `topic/partition/offset`, in records and for people."""

    topic: Annotated[str, Meta(max_length=MAX_TOPIC_CHARACTERS)]
    partition: PartitionNumber
    offset: Offset

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"

    @classmethod
    def parse(cls, text: str) -> "SourcePosition":
        """The inverse of `str()`. Raises ValueError for any other text."""
        topic, partition, offset = text.rsplit("/", 2)
        position = cls(topic, int(partition), int(offset))
        if (
            position.partition not in _PARTITIONS
            or position.offset not in _OFFSETS
            or len(topic) > MAX_TOPIC_CHARACTERS
        ):
            raise ValueError("no topic, partition and offset that Kafka could have")
        return position
