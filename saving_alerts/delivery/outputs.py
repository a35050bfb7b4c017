"""A record that a stage writes, and one that Kafka does not take."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec


class Output(msgspec.Struct, frozen=True, gc=False):
    """One record to write. Without a value it is a tombstone."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()

    @property
    def size_bytes(self) -> int:
        size = len(self.key or b"") + len(self.value or b"")
        for name, value in self.headers:
            size += len(name) + len(value)
        return size


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A record that Kafka does not take, and never will."""

    output: Output
    error: Exception
