"""Bytes that were refused before there were records: of a batch that cannot or must not be unpacked."""

import hashlib
from typing import Protocol, Self

from aiokafka import ConsumerRecord, TopicPartition

KEPT_BYTES = 256 * 1024


class RefusedBytes(bytes):
    """Stands as the value of a record, in place of all records from its offset to `last_offset`.

    It is the first 256 KiB of the bytes as they came; `whole_bytes` and `sha256` are of all of them.
    """

    problem: str
    last_offset: int
    whole_bytes: int
    sha256: str

    def __new__(cls, whole: bytes | memoryview, problem: str, last_offset: int) -> Self:
        refused = super().__new__(cls, whole[:KEPT_BYTES])
        refused.problem = problem
        refused.last_offset = last_offset
        refused.whole_bytes = len(whole)
        refused.sha256 = hashlib.sha256(whole).hexdigest()
        return refused


def refused_record(partition: TopicPartition, first_offset: int, value: RefusedBytes) -> ConsumerRecord:
    """As it comes out of a fetch."""
    kept = len(value)
    return ConsumerRecord(partition.topic, partition.partition, first_offset, -1, 0, None, value, None, -1, kept, ())


class Placed(Protocol):
    """A record at its offset."""

    @property
    def offset(self) -> int: ...
    @property
    def value(self) -> bytes | None: ...


def last_offset_of(record: Placed) -> int:
    """The record's own, but for one that stands for several."""
    return record.value.last_offset if isinstance(record.value, RefusedBytes) else record.offset
