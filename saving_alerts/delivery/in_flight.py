"""Which batches of a partition are finished, in order; and whether there is room for more. Pure.

A batch may be acknowledged when it and all before it in its partition are finished: Faust commits behind what is
acknowledged, so an acknowledgement out of order could commit past unfinished work.

It lives for one assignment of partitions. Once closed it lets nothing through: a late acknowledgement could lift
the commit over batches that were delivered anew.
"""

from collections import defaultdict, deque
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Batch = TypeVar("Batch")


@dataclass(slots=True, eq=False)
class InFlightBatch(Generic[Batch]):
    """One batch in its partition's row, and how many of its records are unfinished. Its bytes count until all are."""

    partition: Hashable
    batch: Batch
    records: int
    bytes: int
    unfinished: int = field(init=False)

    def __post_init__(self) -> None:
        self.unfinished = self.records


@dataclass(slots=True)
class _Row(Generic[Batch]):
    """The batches of one partition in the order of their offsets, and the unfinished records in them."""

    entries: deque[InFlightBatch[Batch]] = field(default_factory=deque)
    unfinished: int = 0
    unfinished_bytes: int = 0


class InFlight(Generic[Batch]):
    """At most about so many unfinished records and bytes a partition: it says when it is full, it refuses nothing."""

    def __init__(self, max_records: int, max_bytes: int) -> None:
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._rows: defaultdict[Hashable, _Row[Batch]] = defaultdict(_Row)
        self._closed = False
        self.unfinished = 0
        """Records in work, over all partitions."""

    def take(self, partition: Hashable, batch: Batch, records: int, size_bytes: int) -> InFlightBatch[Batch]:
        """A batch arrived. Batches of a partition must be taken in the order of their offsets."""
        entry = InFlightBatch(partition, batch, records, size_bytes)
        row = self._rows[partition]
        row.entries.append(entry)
        row.unfinished += records
        row.unfinished_bytes += size_bytes
        self.unfinished += records
        return entry

    def finish(self, entry: InFlightBatch[Batch], records: int) -> list[Batch]:
        """So many records of the batch are finished. Returns the batches that may now be acknowledged, in order."""
        if self._closed:
            return []
        entry.unfinished -= records
        row = self._rows[entry.partition]
        row.unfinished -= records
        row.unfinished_bytes -= 0 if entry.unfinished else entry.bytes
        self.unfinished -= records
        return list(self._finished_head(row.entries))

    @staticmethod
    def _finished_head(entries: deque[InFlightBatch[Batch]]) -> Iterator[Batch]:
        while entries and entries[0].unfinished == 0:
            yield entries.popleft().batch

    def is_full(self, partition: Hashable) -> bool:
        row = self._rows[partition]
        return row.unfinished >= self._max_records or row.unfinished_bytes >= self._max_bytes

    def below_resume_mark(self, partition: Hashable) -> bool:
        """Below half of both limits: half, so that intake does not stop and go with every record."""
        row = self._rows[partition]
        return row.unfinished <= self._max_records // 2 and row.unfinished_bytes <= self._max_bytes // 2

    def close(self) -> None:
        """Nothing is acknowledged from here on."""
        self._closed = True
