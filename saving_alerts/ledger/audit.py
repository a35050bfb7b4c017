"""What an audit reads, and in which order, so that it is right while workers run.

First the commits of all four stages, in one answer: they say what each stage is done with. An event that a stage was
done with at that moment has been decided, or stands on the next topic: at or behind the commit there, or it is done
with there as well. So each internal topic is read from its commit to its end: what is found there is pending. Then the
source, because not every offset holds a record. The decisions come last, to an end that is asked for last: whatever
left an internal topic meanwhile is found there, and decided beats pending.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from saving_alerts.kafka.client import committed_offsets, mismatch, partition_counts
from saving_alerts.kafka.codecs import Envelope
from saving_alerts.kafka.connection import KafkaConnection, KafkaFailedError
from saving_alerts.kafka.topics import Topic, Topics
from saving_alerts.ledger.accounting import Account, PartitionAudit, SourceSpan
from saving_alerts.ledger.audit_range import AuditRange, source_spans
from saving_alerts.ledger.offset_lookup import EPOCH, OffsetLookup, offset_lookup
from saving_alerts.ledger.topic_reader import Progress, Span, StoredRecord, decoded, read

# The times on the source are its producers': a decision is looked for from this long before the oldest of them.
CLOCK_MARGIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class AuditResult:
    """By partition, in order. `unreadable` records of internal topics and of the ledger could not be attributed."""

    partitions: tuple[PartitionAudit, ...]
    unreadable: int

    @property
    def sound(self) -> bool:
        return all(partition.sound for partition in self.partitions)


async def audit(
    connection: KafkaConnection, group: str, topics: Topics, asked: AuditRange, now: datetime, progress: Progress
) -> AuditResult:
    """Account for every source offset of the range that is behind the commit. Raises KafkaFailedError."""
    partitions = await _partitions(connection, topics)
    asked.refuse_unknown(partitions)
    committed = await committed_offsets(connection, group, {topic.name: partitions for topic in topics.inputs.values()})
    async with offset_lookup(connection) as lookup:
        spans = await source_spans(lookup, topics.source.name, committed[topics.source.name], asked)
        account = Account(topics.source.name, spans)
        auditor = _Auditor(connection, lookup, account, progress)
        for topic in topics.next_stage.values():
            await auditor.read_internal(topic, committed[topic.name])
        forgotten_before = await auditor.forgotten_before(topics.decisions, partitions, now)
        oldest = await auditor.read_source(topics.source, spans, forgotten_before)
        await auditor.read_decisions(topics.decisions, partitions, oldest)
    return AuditResult(account.audit(), auditor.unreadable)


async def _partitions(connection: KafkaConnection, topics: Topics) -> range:
    counts = await partition_counts(connection)
    needed = (*topics.inputs.values(), topics.decisions)
    if problem := mismatch({topic.name: counts.get(topic.name) for topic in needed}):
        raise KafkaFailedError(problem)
    return range(counts[topics.source.name])


class _Auditor:
    """The four readings of one audit, each into the same account."""

    def __init__(self, connection: KafkaConnection, lookup: OffsetLookup, account: Account, progress: Progress) -> None:
        self._connection, self._lookup = connection, lookup
        self._account, self._progress = account, progress
        self.unreadable = 0

    async def read_internal(self, topic: Topic, committed: Mapping[int, int | None]) -> None:
        """Everything that is not committed there is pending, whether its body can be read or not."""
        firsts = await self._lookup.beginnings(topic.name, committed)
        ends = await self._lookup.ends(topic.name, committed)
        spans = {number: _behind(commit, firsts[number], ends[number]) for number, commit in committed.items()}
        async for record in self._records(topic, spans):
            try:
                self._account.pending(Envelope.read(record.headers).position)
            except ValueError:
                self.unreadable += 1

    async def forgotten_before(self, decisions: Topic, partitions: range, now: datetime) -> datetime:
        """What came before then may have had a decision that retention deleted: nobody can say that there was none.

        The margin is for the clocks, and for what retention deletes while the audit runs.
        """
        firsts = await self._lookup.beginnings(decisions.name, partitions)
        oldest = await self._lookup.oldest(decisions.name, partitions)
        all_gone = now - (decisions.retention or timedelta(0))
        kept_since = [oldest[number] or all_gone for number in partitions if firsts[number] > 0]
        return max(kept_since) + CLOCK_MARGIN if kept_since else EPOCH

    async def read_source(
        self, source: Topic, spans: Mapping[int, SourceSpan], forgotten_before: datetime
    ) -> datetime | None:
        """Which offsets hold a record. The time of the oldest of them; None where there is none at all."""
        firsts = await self._lookup.beginnings(source.name, spans)
        # Of what is deleted nobody knows the time, so that all decisions may speak of it.
        oldest_ms = 0 if any(span.start < min(firsts[number], span.end) for number, span in spans.items()) else None
        forgotten_ms = int(forgotten_before.timestamp() * 1000)
        readable = {number: Span(max(span.start, firsts[number]), span.end) for number, span in spans.items()}
        async for record in self._records(source, readable):
            forgotten = record.timestamp < forgotten_ms
            self._account.present(record.partition, record.offset, maybe_forgotten=forgotten)
            oldest_ms = record.timestamp if oldest_ms is None else min(record.timestamp, oldest_ms)
        self._account.deleted_before(await self._lookup.beginnings(source.name, spans))
        return None if oldest_ms is None else datetime.fromtimestamp(max(oldest_ms, 0) / 1000, UTC)

    async def read_decisions(self, decisions: Topic, partitions: range, oldest: datetime | None) -> None:
        """All that can speak of the source records; nothing when there are none."""
        if oldest is None:
            return
        since = max(oldest, EPOCH + CLOCK_MARGIN) - CLOCK_MARGIN
        starts = await self._lookup.at(decisions.name, partitions, since)
        ends = await self._lookup.ends(decisions.name, partitions)
        async for record in self._records(decisions, {each: Span(starts[each], ends[each]) for each in partitions}):
            if entry := decoded(record):
                self._account.recorded(entry)
            else:
                self.unreadable += 1

    async def _records(self, topic: Topic, spans: Mapping[int, Span]) -> AsyncIterator[StoredRecord]:
        advance = self._progress.begin(topic.name, sum(span.length for span in spans.values()))
        async for batch in read(self._connection, topic.name, spans, advance):
            for record in batch:
                yield record


def _behind(commit: int | None, first: int, end: int) -> Span:
    """What is not committed. A commit beyond the end is of a topic that was made anew: workers begin at its first."""
    return Span(commit if commit is not None and commit <= end else first, end)
