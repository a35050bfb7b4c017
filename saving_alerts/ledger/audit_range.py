"""Which source offsets an audit is asked about, and which of them are committed and so must have an answer."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from saving_alerts.kafka.connection import KafkaFailedError
from saving_alerts.ledger.accounting import SourceSpan
from saving_alerts.ledger.offset_lookup import OffsetLookup


@dataclass(frozen=True, slots=True)
class OffsetBounds:
    """Source offsets by partition, or `every` for all partitions. With `by_partition` no other partition is audited."""

    every: int | None = None
    by_partition: Mapping[int, int] = field(default_factory=dict)

    def covers(self, partition: int) -> bool:
        return not self.by_partition or partition in self.by_partition

    def of(self, partition: int) -> int | None:
        return self.by_partition.get(partition, self.every)


@dataclass(frozen=True, slots=True)
class AuditRange:
    """The range of an audit: from a moment or an offset on (inclusive), to a moment or an offset (exclusive).

    Where both are given the offset counts. It never goes beyond the commit.
    """

    since: datetime | None = None
    until: datetime | None = None
    start: OffsetBounds = OffsetBounds()
    before: OffsetBounds = OffsetBounds()

    def refuse_unknown(self, known: Collection[int]) -> None:
        """Raises KafkaFailedError for a partition that the source does not have: an audit of it would find no fault."""
        if unknown := sorted({*self.start.by_partition, *self.before.by_partition} - set(known)):
            numbers = ", ".join(str(number) for number in unknown)
            raise KafkaFailedError(f"the source has {len(known)} partitions, counted from 0: there is no {numbers}")


async def source_spans(
    lookup: OffsetLookup, source: str, committed: Mapping[int, int | None], asked: AuditRange
) -> dict[int, SourceSpan]:
    """The span of each partition that is asked about. Offsets that are not committed are counted, not audited."""
    partitions = [number for number in committed if asked.start.covers(number) and asked.before.covers(number)]
    starts = await _starts(lookup, source, partitions, asked)
    limits = await _limits(lookup, source, partitions, asked)
    ends = await lookup.ends(source, partitions)
    return {
        number: _span(starts[number], min(limits[number], ends[number]), committed[number] or 0)
        for number in partitions
    }


async def _starts(lookup: OffsetLookup, source: str, partitions: list[int], asked: AuditRange) -> dict[int, int]:
    """Where each partition's span starts: the offset if one is given, else by time, else the beginning."""
    if asked.since is None:
        starts = await lookup.beginnings(source, partitions)
    else:
        starts = await lookup.at(source, partitions, asked.since)
    return {number: start if (given := asked.start.of(number)) is None else given for number, start in starts.items()}


async def _limits(lookup: OffsetLookup, source: str, partitions: list[int], asked: AuditRange) -> dict[int, int]:
    """Where each partition's span ends: the offset if one is given, else by time, else the end of the topic."""
    if asked.until is None:
        limits = await lookup.ends(source, partitions)
    else:
        limits = await lookup.up_to(source, partitions, asked.until)
    return {number: limit if (given := asked.before.of(number)) is None else given for number, limit in limits.items()}


def _span(start: int, limit: int, commit: int) -> SourceSpan:
    """`limit` must not be beyond the topic's end: a topic that was recreated can be shorter than its old commit."""
    asked_end = max(start, limit)
    due_end = max(start, min(commit, asked_end))
    return SourceSpan(start, due_end, uncommitted=asked_end - due_end)
