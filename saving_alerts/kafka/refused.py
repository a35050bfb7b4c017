"""Bytes that are refused before they are unpacked: a record batch that cannot be read, or is too large."""

import hashlib
from typing import Protocol, Self

from aiokafka import ConsumerRecord, TopicPartition

KEPT_BYTES = 256 * 1024  # they must fit into a dead letter


class RefusedBytes(bytes):
    """The value of a record that stands for all records from its offset to `last_offset`.

    It has the first 256 KiB of the bytes as they were fetched; `whole_bytes` and `sha256` are of the whole. `problem`
    says to an operator why they were refused.
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
    """A record with these refused bytes, as a consumer returns it."""
    kept = len(value)
    return ConsumerRecord(partition.topic, partition.partition, first_offset, -1, 0, None, value, None, -1, kept, ())


class Placed(Protocol):
    """A record with its offset."""

    @property
    def offset(self) -> int: ...
    @property
    def value(self) -> bytes | None: ...


def last_offset_of(record: Placed) -> int:
    """The last offset that the record stands for: its own, except for refused bytes."""
    return record.value.last_offset if isinstance(record.value, RefusedBytes) else record.offset
