"""Which source offsets an audit is asked about, and which of them are due."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from saving_alerts.ledger.accounting import SourceSpan
from saving_alerts.ledger.reading import OffsetLookup


@dataclass(frozen=True, slots=True)
class OffsetBounds:
    """Offsets of the source by partition, or one for all of them. Naming partitions leaves the others out."""

    every: int | None = None
    by_partition: Mapping[int, int] = field(default_factory=dict)

    def covers(self, partition: int) -> bool:
        return not self.by_partition or partition in self.by_partition

    def of(self, partition: int) -> int | None:
        return self.by_partition.get(partition, self.every)


@dataclass(frozen=True, slots=True)
class AuditRange:
    """What was written since a moment, or from `start` on; before `before`, and never beyond the commit."""

    since: datetime | None = None
    start: OffsetBounds = OffsetBounds()
    before: OffsetBounds = OffsetBounds()


async def source_spans(
    lookup: OffsetLookup, source: str, committed: Mapping[int, int | None], asked: AuditRange
) -> dict[int, SourceSpan]:
    """The span of each partition asked about. What is asked for but not committed is counted, not audited."""
    partitions = [number for number in committed if asked.start.covers(number) and asked.before.covers(number)]
    starts = await _starts(lookup, source, partitions, asked)
    ends = await lookup.ends(source, partitions)
    return {
        number: _span(starts[number], asked.before.of(number), ends[number], committed[number] or 0)
        for number in partitions
    }


async def _starts(lookup: OffsetLookup, source: str, partitions: list[int], asked: AuditRange) -> dict[int, int]:
    """By offset if offsets are given, else by time, else all that is there."""
    if asked.since is None:
        starts = await lookup.beginnings(source, partitions)
    else:
        starts = await lookup.at(source, partitions, asked.since)
    return {number: start if (given := asked.start.of(number)) is None else given for number, start in starts.items()}


def _span(start: int, before: int | None, end: int, commit: int) -> SourceSpan:
    """A topic that was made anew can be shorter than what was once committed, so its end is a limit as well."""
    asked_end = max(start, end if before is None else min(before, end))
    due_end = max(start, min(commit, asked_end))
    return SourceSpan(start, due_end, uncommitted=asked_end - due_end)
