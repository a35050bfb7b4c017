"""Where on the source an event stands: the identity that every later record, decision and claim carries."""

import msgspec


class SourcePosition(msgspec.Struct, frozen=True, order=True, gc=False):
    """One record of the source topic. It is written `topic/partition/offset` wherever a person reads it."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"

    @classmethod
    def parse(cls, text: str) -> "SourcePosition":
        """Read what `str()` wrote. Raises ValueError for anything else."""
        topic, partition, offset = text.rsplit("/", 2)
        return cls(topic, int(partition), int(offset))
