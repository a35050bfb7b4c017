"""Which records of a partition are finished, in order; and whether there is room for more. Pure.

A batch may be acknowledged when it and all before it in its partition are finished: Faust commits behind what is
acknowledged, so an acknowledgement out of order could commit past unfinished work. What is finished behind an
unfinished record is uncommitted: none of its records is kept, and neighbours become one entry.

It lives for one assignment of partitions. Once closed it lets nothing through: a late acknowledgement could lift
the commit over batches that were delivered anew.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar


class Placed(Protocol):
    """A record with its offset."""

    @property
    def offset(self) -> int: ...


Batch = TypeVar("Batch")
Range = tuple[int, int]  # of offsets, the last one included
Record = TypeVar("Record", bound=Placed)
RESUME_AT = 0.5
# So many entries need no look for neighbours that could be one: they take less than one batch.
FEW_ENTRIES = 64


@dataclass(frozen=True, slots=True)
class InFlightLimits:
    """Of one partition in one stage. Whatever is reached first stops its intake.

    Uncommitted is what is unfinished and all that is finished behind the first unfinished record: little is kept of it,
    but it is delivered again after a crash.
    """

    records: int
    bytes: int
    uncommitted_records: int
    uncommitted_bytes: int


@dataclass(frozen=True, slots=True)
class Measures(Generic[Record]):
    """What is asked of a record: how many bytes it takes, and the last offset that it stands for."""

    size_of: Callable[[Record], int]
    last_offset_of: Callable[[Record], int]


@dataclass(slots=True, eq=False)
class InFlightBatch(Generic[Batch, Record]):
    """One batch in its partition's row; `unfinished` are its records by their offsets, in order.

    Or several neighbours without an unfinished record, and then `batch` is the last of them.
    """

    partition: Hashable
    batch: Batch
    unfinished: dict[int, Record]
    records: int
    bytes: int
    first: int
    last: int
    unfinished_bytes: int = field(init=False)

    def __post_init__(self) -> None:
        self.unfinished_bytes = self.bytes

    def finish(self, offsets: set[int], size_of: Callable[[Record], int]) -> int:
        """Take these records out. Returns how many bytes they have."""
        before = self.unfinished_bytes
        if offsets == self.unfinished.keys():  # nearly always all of them: nothing is asked of each
            self.unfinished.clear()
            self.unfinished_bytes = 0
        else:
            self.unfinished_bytes -= sum(size_of(self.unfinished.pop(offset)) for offset in offsets)
        return before - self.unfinished_bytes

    def absorb(self, before: "InFlightBatch[Batch, Record]") -> None:
        self.records += before.records
        self.bytes += before.bytes
        self.first = before.first


@dataclass(frozen=True, slots=True)
class Head(Generic[Batch, Record]):
    """The first unfinished record of a partition, its batch, and how many records are uncommitted because of it."""

    partition: Hashable
    batch: Batch
    record: Record
    uncommitted: int


@dataclass(slots=True)
class _Row(Generic[Batch, Record]):
    """The batches of one partition in the order of their offsets, and what is in them."""

    entries: deque[InFlightBatch[Batch, Record]] = field(default_factory=deque)
    expected: int = 0
    expected_bytes: int = 0
    unfinished_entries: int = 0
    unfinished: int = 0
    unfinished_bytes: int = 0
    uncommitted: int = 0
    uncommitted_bytes: int = 0

    def finished_head(self) -> Iterator[Batch]:
        """The batches that may be acknowledged; they are taken out."""
        while self.entries and not self.entries[0].unfinished:
            entry = self.entries.popleft()
            self.uncommitted -= entry.records
            self.uncommitted_bytes -= entry.bytes
            yield entry.batch

    def unite_finished(self) -> Iterator[Batch]:
        """The batches that are part of a later one from now on.

        Rarely, so that it costs each batch little; afterwards there are at most two entries for an unfinished one.
        """
        if len(self.entries) <= 3 * self.unfinished_entries + FEW_ENTRIES:
            return
        united: deque[InFlightBatch[Batch, Record]] = deque()
        for entry in self.entries:
            if united and not (entry.unfinished or united[-1].unfinished):
                before = united.pop()
                entry.absorb(before)
                yield before.batch
            united.append(entry)
        self.entries = united

    def finished_ranges(self, last_offset_of: Callable[[Record], int]) -> Iterator[Range]:
        """The offsets between unfinished records. Of those in between that were not delivered, none ever will be."""
        begins = self.entries[0].first if self.entries else 0
        for entry in self.entries:
            for record in entry.unfinished.values():
                if record.offset > begins:
                    yield begins, record.offset - 1
                begins = last_offset_of(record) + 1
        if self.entries and self.entries[-1].last >= begins:
            yield begins, self.entries[-1].last

    def fill(self, limits: InFlightLimits) -> float:
        """How much of the limit that is nearest: 1 is full."""
        return max(
            (self.expected + self.unfinished) / limits.records,
            (self.expected_bytes + self.unfinished_bytes) / limits.bytes,
            self.uncommitted / limits.uncommitted_records,
            self.uncommitted_bytes / limits.uncommitted_bytes,
        )


class InFlight(Generic[Batch, Record]):
    """At most about so much a partition: it says when it is full, it refuses nothing.

    `let_go` gets the batches that became part of a later one: they are never acknowledged, the later one is.
    """

    def __init__(
        self, limits: InFlightLimits, measures: Measures[Record], let_go: Callable[[Batch], None] = lambda _: None
    ) -> None:
        self._limits = limits
        self._measures = measures
        self._let_go = let_go
        self._rows: defaultdict[Hashable, _Row[Batch, Record]] = defaultdict(_Row)
        self._closed = False
        self.unfinished = 0
        """Records in work, over all partitions."""

    def expect(self, partition: Hashable, records: int, size_bytes: int) -> None:
        """So many records will be taken: nothing holds them back any more, so they count from now on."""
        row = self._rows[partition]
        row.expected += records
        row.expected_bytes += size_bytes

    def take(
        self, partition: Hashable, batch: Batch, records: Sequence[Record], size_bytes: int | None = None
    ) -> InFlightBatch[Batch, Record]:
        """A batch arrived, of at least one record. Those of a partition must be taken in the order of their offsets.

        `size_bytes`: of all of them, where it is known.
        """
        size = sum(map(self._measures.size_of, records)) if size_bytes is None else size_bytes
        unfinished = {record.offset: record for record in records}
        last = self._measures.last_offset_of(records[-1])
        entry = InFlightBatch(partition, batch, unfinished, len(records), size, records[0].offset, last)
        row = self._rows[partition]
        row.expected = max(0, row.expected - entry.records)
        row.expected_bytes = max(0, row.expected_bytes - size)
        row.entries.append(entry)
        row.unfinished_entries += 1
        row.unfinished += entry.records
        row.unfinished_bytes += size
        row.uncommitted += entry.records
        row.uncommitted_bytes += size
        self.unfinished += entry.records
        return entry

    def finish(self, entry: InFlightBatch[Batch, Record], offsets: Iterable[int]) -> list[Batch]:
        """These records of the batch are finished. Returns the batches that may now be acknowledged, in order."""
        if self._closed:
            return []
        row, finished = self._rows[entry.partition], set(offsets)
        row.unfinished_bytes -= entry.finish(finished, self._measures.size_of)
        row.unfinished -= len(finished)
        self.unfinished -= len(finished)
        if entry.unfinished:
            return []
        row.unfinished_entries -= 1
        acknowledged = list(row.finished_head())
        for batch in row.unite_finished():
            self._let_go(batch)
        return acknowledged

    def heads(self) -> Iterator[Head[Batch, Record]]:
        """Of every partition with an unfinished record, its first one."""
        for partition, row in self._rows.items():
            if row.entries:
                first = row.entries[0]
                yield Head(partition, first.batch, next(iter(first.unfinished.values())), row.uncommitted)

    def finished_behind(self, partition: Hashable) -> int:
        """How many records are finished and uncommitted."""
        row = self._rows[partition]
        return row.uncommitted - row.unfinished

    def finished_ranges(self, partition: Hashable) -> list[Range]:
        """The offsets of what is finished and uncommitted."""
        return list(self._rows[partition].finished_ranges(self._measures.last_offset_of))

    def uncommitted(self, partition: Hashable) -> tuple[Batch, int] | None:
        """The batch that is delivered again first, and its first offset."""
        entries = self._rows[partition].entries
        return (entries[0].batch, entries[0].first) if entries else None

    def is_full(self, partition: Hashable) -> bool:
        return self._rows[partition].fill(self._limits) >= 1

    def below_resume_mark(self, partition: Hashable) -> bool:
        """At most half of every limit: half, so that intake does not stop and go with every record."""
        return self._rows[partition].fill(self._limits) <= RESUME_AT

    def close(self) -> None:
        """Nothing is acknowledged from here on."""
        self._closed = True
