"""Topic, partition and offset of an event on the source: its identity in every later record, decision and claim."""

import msgspec


class SourcePosition(msgspec.Struct, frozen=True, order=True, gc=False):
    """One record of the source topic. Its text is `topic/partition/offset`, in records and for people."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"

    @classmethod
    def parse(cls, text: str) -> "SourcePosition":
        """The inverse of `str()`. Raises ValueError for any other text."""
        topic, partition, offset = text.rsplit("/", 2)
        return cls(topic, int(partition), int(offset))
