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
RESUME_AT = 0.5


@dataclass(frozen=True, slots=True)
class InFlightLimits:
    """Of one partition in one stage. Whatever is reached first stops its intake.

    Uncommitted is what is unfinished and all that is finished behind the first unfinished record: little is kept of it,
    but all of it is delivered again after a crash.
    """

    records: int
    bytes: int
    uncommitted_records: int
    uncommitted_bytes: int


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
    """The batches of one partition in the order of their offsets, and what is in them."""

    entries: deque[InFlightBatch[Batch]] = field(default_factory=deque)
    unfinished: int = 0
    unfinished_bytes: int = 0
    uncommitted: int = 0
    uncommitted_bytes: int = 0

    def finished_head(self) -> Iterator[Batch]:
        """The batches that may be acknowledged; they are taken out."""
        while self.entries and self.entries[0].unfinished == 0:
            entry = self.entries.popleft()
            self.uncommitted -= entry.records
            self.uncommitted_bytes -= entry.bytes
            yield entry.batch

    def fill(self, limits: InFlightLimits) -> float:
        """How much of the limit that is nearest: 1 is full."""
        return max(
            self.unfinished / limits.records,
            self.unfinished_bytes / limits.bytes,
            self.uncommitted / limits.uncommitted_records,
            self.uncommitted_bytes / limits.uncommitted_bytes,
        )


class InFlight(Generic[Batch]):
    """At most about so much a partition: it says when it is full, it refuses nothing."""

    def __init__(self, limits: InFlightLimits) -> None:
        self._limits = limits
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
        row.uncommitted += records
        row.uncommitted_bytes += size_bytes
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
        return list(row.finished_head())

    @property
    def most_uncommitted(self) -> int:
        """Records of the partition that has the most of them."""
        return max((row.uncommitted for row in self._rows.values()), default=0)

    def is_full(self, partition: Hashable) -> bool:
        return self._rows[partition].fill(self._limits) >= 1

    def below_resume_mark(self, partition: Hashable) -> bool:
        """At most half of every limit: half, so that intake does not stop and go with every record."""
        return self._rows[partition].fill(self._limits) <= RESUME_AT

    def close(self) -> None:
        """Nothing is acknowledged from here on."""
        self._closed = True
