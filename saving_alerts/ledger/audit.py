"""What an audit reads, and in which order, so that its result is right while workers run.

1. The commits of all four stages, from one answer of Kafka. An event before the commit of a stage has been decided, or
   is on the next stage's topic.
2. Each internal topic from its commit to its end: these events are pending.
3. The source, because not every offset holds a record.
4. The decisions, to an end that is asked for last: an event that left an internal topic after step 2 has its decision
   there, and answered goes before pending.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from saving_alerts.domain.events import event_id_in
from saving_alerts.domain.moments import EPOCH, of_milliseconds
from saving_alerts.kafka.client import committed_offsets, mismatch, partition_counts
from saving_alerts.kafka.codecs import Envelope
from saving_alerts.kafka.connection import KafkaConnection, KafkaFailedError
from saving_alerts.kafka.refused import last_offset_of
from saving_alerts.kafka.topics import Topic, Topics
from saving_alerts.ledger.accounting import Account, PartitionAudit, SourceRecordMark, SourceSpan
from saving_alerts.ledger.audit_range import AuditRange, source_spans
from saving_alerts.ledger.offset_lookup import OffsetLookup, offset_lookup
from saving_alerts.ledger.topic_reader import Progress, Span, StoredRecord, decoded, read

# The times of source records are their producers'. Decisions are read from this long before the oldest of them, so the
# clocks of producers and brokers may differ by as much.
CLOCK_MARGIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class AuditResult:
    """By partition, in order. `unreadable`: how many records of internal topics and decisions could not be read."""

    partitions: tuple[PartitionAudit, ...]
    unreadable: int

    @property
    def sound(self) -> bool:
        return all(partition.sound for partition in self.partitions)


async def audit(
    connection: KafkaConnection, group: str, topics: Topics, asked: AuditRange, now: datetime, progress: Progress
) -> AuditResult:
    """Account for every committed source offset of the range. Raises KafkaFailedError."""
    partitions = await _partitions(connection, topics)
    asked.refuse_unknown(partitions[topics.source.name])
    inputs = {topic.name: partitions[topic.name] for topic in topics.inputs.values()}
    committed = await committed_offsets(connection, group, inputs)
    async with offset_lookup(connection) as lookup:
        spans = await source_spans(lookup, topics.source.name, committed[topics.source.name], asked)
        account = Account(topics.source.name, spans)
        auditor = _Auditor(connection, lookup, account, progress)
        for topic in topics.next_stage.values():
            await auditor.read_internal(topic, committed[topic.name])
        decisions = partitions[topics.decisions.name]
        deleted_before = await auditor.decisions_deleted_before(topics.decisions, decisions, now)
        oldest = await auditor.read_source(topics.source, spans, deleted_before)
        await auditor.read_decisions(topics.decisions, decisions, oldest)
    return AuditResult(account.audit(), auditor.unreadable)


async def _partitions(connection: KafkaConnection, topics: Topics) -> dict[str, range]:
    """Of each topic by its name. They may differ: upstream may have added some to the source while workers run."""
    counts = await partition_counts(connection)
    needed = [topic.name for topic in (*topics.inputs.values(), topics.decisions)]
    if not counts.keys() >= set(needed):
        raise KafkaFailedError(mismatch({name: counts.get(name) for name in needed}) or "no topic is there")
    return {name: range(counts[name]) for name in needed}


class _Auditor:
    """Reads the topics of one audit into one account."""

    def __init__(self, connection: KafkaConnection, lookup: OffsetLookup, account: Account, progress: Progress) -> None:
        self._connection, self._lookup = connection, lookup
        self._account, self._progress = account, progress
        self.unreadable = 0

    async def read_internal(self, topic: Topic, committed: Mapping[int, int | None]) -> None:
        """Every record that is not committed there is pending, also one with an unreadable body."""
        firsts = await self._lookup.beginnings(topic.name, committed)
        ends = await self._lookup.ends(topic.name, committed)
        spans = {number: _behind(commit, firsts[number], ends[number]) for number, commit in committed.items()}
        async for record in self._records(topic, spans):
            try:
                envelope = Envelope.read(record.headers)
                self._account.pending(envelope.position, envelope.event_id)
            except ValueError:
                self.unreadable += 1

    async def decisions_deleted_before(self, decisions: Topic, partitions: range, now: datetime) -> datetime:
        """Events from before this time may have had a decision that retention deleted, so they cannot count as missing.

        The margin allows for different clocks, and for what retention deletes while the audit runs.
        """
        firsts = await self._lookup.beginnings(decisions.name, partitions)
        oldest = await self._lookup.oldest(decisions.name, partitions)
        all_gone = now - (decisions.retention or timedelta(0))
        kept_since = [oldest[number] or all_gone for number in partitions if firsts[number] > 0]
        return max(kept_since) + CLOCK_MARGIN if kept_since else EPOCH

    async def read_source(
        self, source: Topic, spans: Mapping[int, SourceSpan], deleted_before: datetime
    ) -> datetime | None:
        """Note which offsets hold a record. Returns the time of the oldest of them; None if there is none."""
        firsts = await self._lookup.beginnings(source.name, spans)
        # The time of deleted source records is not known, so any decision may be theirs: all decisions are read.
        oldest_ms = 0 if any(span.start < min(firsts[number], span.end) for number, span in spans.items()) else None
        deleted_before_ms = int(deleted_before.timestamp() * 1000)
        readable = {number: Span(max(span.start, firsts[number]), span.end) for number, span in spans.items()}
        async for record in self._records(source, readable):
            maybe_deleted = record.timestamp < deleted_before_ms
            mark = SourceRecordMark(event_id_in(record.value), record.timestamp)
            last = last_offset_of(record)
            self._account.present(record.partition, record.offset, mark, last, decision_maybe_deleted=maybe_deleted)
            oldest_ms = record.timestamp if oldest_ms is None else min(record.timestamp, oldest_ms)
        self._account.deleted_before(await self._lookup.beginnings(source.name, spans))
        return None if oldest_ms is None else of_milliseconds(max(oldest_ms, 0))

    async def read_decisions(self, decisions: Topic, partitions: range, oldest: datetime | None) -> None:
        """All decisions that can be about the source records; none if there are no source records."""
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
    """What is not committed. A commit beyond the end is of a topic that was recreated: workers start at `first`."""
    return Span(commit if commit is not None and commit <= end else first, end)
