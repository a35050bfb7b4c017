"""Which source offsets an audit is asked about, and which of them are due."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from saving_alerts.kafka.connection import KafkaFailedError
from saving_alerts.ledger.accounting import SourceSpan
from saving_alerts.ledger.offset_lookup import OffsetLookup


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
    """What was written since a moment, or from `start` on; until a moment, or before `before`; never beyond the commit.

    Offsets go before moments.
    """

    since: datetime | None = None
    until: datetime | None = None
    start: OffsetBounds = OffsetBounds()
    before: OffsetBounds = OffsetBounds()

    def refuse_unknown(self, known: Collection[int]) -> None:
        """Nothing is missing on a partition that is not there: that is no good news but a KafkaFailedError."""
        if unknown := sorted({*self.start.by_partition, *self.before.by_partition} - set(known)):
            numbers = ", ".join(str(number) for number in unknown)
            raise KafkaFailedError(f"the source has {len(known)} partitions, counted from 0: there is no {numbers}")


async def source_spans(
    lookup: OffsetLookup, source: str, committed: Mapping[int, int | None], asked: AuditRange
) -> dict[int, SourceSpan]:
    """The span of each partition asked about. What is asked for but not committed is counted, not audited."""
    partitions = [number for number in committed if asked.start.covers(number) and asked.before.covers(number)]
    starts = await _starts(lookup, source, partitions, asked)
    limits = await _limits(lookup, source, partitions, asked)
    ends = await lookup.ends(source, partitions)
    return {
        number: _span(starts[number], min(limits[number], ends[number]), committed[number] or 0)
        for number in partitions
    }


async def _starts(lookup: OffsetLookup, source: str, partitions: list[int], asked: AuditRange) -> dict[int, int]:
    """By offset if offsets are given, else by time, else all that is there."""
    if asked.since is None:
        starts = await lookup.beginnings(source, partitions)
    else:
        starts = await lookup.at(source, partitions, asked.since)
    return {number: start if (given := asked.start.of(number)) is None else given for number, start in starts.items()}


async def _limits(lookup: OffsetLookup, source: str, partitions: list[int], asked: AuditRange) -> dict[int, int]:
    """By offset if offsets are given, else by time, else all that is there."""
    if asked.until is None:
        limits = await lookup.ends(source, partitions)
    else:
        limits = await lookup.up_to(source, partitions, asked.until)
    return {number: limit if (given := asked.before.of(number)) is None else given for number, limit in limits.items()}


def _span(start: int, limit: int, commit: int) -> SourceSpan:
    """A topic that was made anew can be shorter than what was once committed, so `limit` is not beyond its end."""
    asked_end = max(start, limit)
    due_end = max(start, min(commit, asked_end))
    return SourceSpan(start, due_end, uncommitted=asked_end - due_end)
