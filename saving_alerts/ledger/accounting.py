"""Audit as arithmetic: is every source offset behind the commit answered, or still on its way?

Nothing here reads Kafka. What was read, in which order and why, is in `auditing`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from saving_alerts.domain.alerts import idempotency_key
from saving_alerts.domain.decisions import Decision, Receipt, ranges_of
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.ledger.offset_set import OffsetSet
from saving_alerts.ledger.source_marks import EventMarks, SourceMarks

Ranges = tuple[tuple[int, int], ...]
HTTP_ACCEPTED = range(200, 300)


class SourceRecordMark(NamedTuple):
    """What tells a record of the source from another at its offset: the event in it, and its time on Kafka."""

    event_id: str | None
    written_ms: int


NOT_LOOKED_AT = SourceRecordMark(None, 0)


@dataclass(frozen=True, slots=True)
class SourceSpan:
    """What is audited of one partition: `start` to before `end`. `uncommitted` more behind it are not yet due."""

    start: int
    end: int
    uncommitted: int = 0


@dataclass(frozen=True, slots=True)
class PartitionAudit:
    """What became of the source offsets of one partition. Ranges are inclusive."""

    partition: int
    start: int
    end: int
    answered: int
    pending: int
    missing: int
    missing_ranges: Ranges
    echoes: int
    contradictions: tuple[int, ...]
    unknown: int
    uncommitted: int
    of_former_topic: int = 0  # answers about records that stood at these offsets before the source was made again

    @property
    def offsets(self) -> int:
        """Positions that hold a record, or held one; control records and compacted ones are none."""
        return self.answered + self.pending + self.missing + self.unknown

    @property
    def sound(self) -> bool:
        return not self.missing and not self.contradictions


@dataclass(frozen=True, slots=True)
class _AcceptedPush:
    """What makes two accepted pushes of one event different ones, and not one that was written down twice."""

    key: str
    accepted_anew: bool
    written: tuple[str, datetime]

    def contradicts(self, other: "_AcceptedPush") -> bool:
        if self.key != other.key:
            return True
        return self.accepted_anew and other.accepted_anew and self.written != other.written


class PartitionAccount:
    """Collects what is on record about one source partition; `audit()` adds it up."""

    def __init__(self, partition: int, span: SourceSpan) -> None:
        self._partition = partition
        self._span = span
        self._answered, self._pending = OffsetSet(), OffsetSet()
        self._present, self._maybe_forgotten = OffsetSet(), OffsetSet()
        self._source, self._pending_events = SourceMarks(), EventMarks()
        self._pushes: dict[tuple[int, str | None], _AcceptedPush] = {}
        self._contradictions: set[int] = set()
        self._echoes = self._of_former_topic = 0
        self._first_kept = span.start

    def deleted_before(self, offset: int) -> None:
        """The source begins here by now: of what was before it, only the ledger can tell."""
        self._first_kept = min(max(self._first_kept, offset), self._span.end)

    def present(self, offset: int, record: SourceRecordMark, *, maybe_forgotten: bool = False) -> None:
        """The source holds a record; `maybe_forgotten` when its decision may be deleted by retention by now."""
        offsets = self._maybe_forgotten if maybe_forgotten else self._present
        offsets.add(offset, offset)
        self._source.note(offset, record.event_id, record.written_ms)

    def pending(self, offset: int, event_id: str | None) -> None:
        """It is on an internal topic, not yet committed there."""
        if self._span.start <= offset < self._span.end:
            self._pending.add(offset, offset)
            self._pending_events.note(offset, event_id)

    def receipted(self, first: int, last: int, written_ms: tuple[int, int] | None) -> None:
        """An inclusive range has a receipt, of records that were written from one time to the other."""
        if self._source.may_have(first, last, written_ms):
            self._answered_by(first, last)
        else:
            self._of_former_topic += last - first + 1

    def _answered_by(self, first: int, last: int) -> None:
        """What was answered before is an echo."""
        first, last = max(first, self._span.start), min(last, self._span.end - 1)
        if first <= last:
            self._echoes += self._answered.add(first, last)

    def decided(self, decision: Decision) -> None:
        offset = decision.position.offset
        if not self._source.events.may_be(offset, decision.event_id):
            self._of_former_topic += 1
            return
        self._answered_by(offset, offset)
        if decision.reason is Reason.PUSHED and self._span.start <= offset < self._span.end:
            self._pushed(offset, decision.event_id, _accepted_push(decision))

    def _pushed(self, offset: int, event_id: str | None, push: _AcceptedPush) -> None:
        known = self._pushes.setdefault((offset, event_id), push)
        if push.contradicts(known):
            self._contradictions.add(offset)
        if push.accepted_anew and not known.accepted_anew:
            # Of several that are the same push, the one that was accepted anew can be contradicted later.
            self._pushes[offset, event_id] = push

    def audit(self) -> PartitionAudit:
        """Add it up. An answer beats being on the way: a record is still on its topic after it was decided."""
        pending = self._pending_here()
        covered = self._answered | pending
        missing = self._present - covered
        span = self._span
        told_of = (covered | self._present | self._maybe_forgotten).below(self._first_kept)
        deleted = self._first_kept - span.start - told_of.count()
        return PartitionAudit(
            partition=self._partition,
            start=span.start,
            end=span.end,
            answered=self._answered.count(),
            pending=(pending - self._answered).count(),
            missing=missing.count(),
            missing_ranges=ranges_of(missing),
            echoes=self._echoes,
            contradictions=tuple(sorted(self._contradictions)),
            unknown=deleted + (self._maybe_forgotten - covered).count(),
            uncommitted=span.uncommitted,
            of_former_topic=self._of_former_topic,
        )

    def _pending_here(self) -> OffsetSet:
        """Without what stands on an internal topic of another event that had this offset."""
        others = OffsetSet()
        for offset in self._pending:
            if not self._pending_events.agree(self._source.events, offset):
                others.add(offset, offset)
        return self._pending - others


def _accepted_push(decision: Decision) -> _AcceptedPush:
    """The push API answers 2xx once for a key and 409 ever after, so two 2xx are two pushes."""
    key = idempotency_key(decision.user_id or "", decision.event_id or "")
    status = decision.details.get("status")
    anew = isinstance(status, int) and status in HTTP_ACCEPTED
    return _AcceptedPush(key, anew, (decision.worker, decision.decided_at))


class Account:
    """All partitions of the source. Positions outside the audited spans, or of another source, are left out."""

    def __init__(self, source: str, spans: Mapping[int, SourceSpan]) -> None:
        self._source = source
        self._partitions = {number: PartitionAccount(number, span) for number, span in spans.items()}

    def deleted_before(self, firsts: Mapping[int, int]) -> None:
        """By partition: where the source begins by now."""
        for number, account in self._partitions.items():
            account.deleted_before(firsts[number])

    def present(
        self, partition: int, offset: int, record: SourceRecordMark = NOT_LOOKED_AT, *, maybe_forgotten: bool = False
    ) -> None:
        self._partitions[partition].present(offset, record, maybe_forgotten=maybe_forgotten)

    def pending(self, position: SourcePosition, event_id: str | None = None) -> None:
        if account := self._of(position.topic, position.partition):
            account.pending(position.offset, event_id)

    def recorded(self, entry: Decision | Receipt) -> None:
        """One record of the decision topic, in the order written."""
        if isinstance(entry, Decision):
            if account := self._of(entry.position.topic, entry.position.partition):
                account.decided(entry)
        elif account := self._of(entry.topic, entry.partition):
            for first, last in entry.ranges:
                account.receipted(first, last, entry.written_ms)

    def audit(self) -> tuple[PartitionAudit, ...]:
        return tuple(self._partitions[number].audit() for number in sorted(self._partitions))

    def _of(self, topic: str, partition: int) -> PartitionAccount | None:
        return self._partitions.get(partition) if topic == self._source else None


def summary(audits: Iterable[PartitionAudit]) -> str:
    """All partitions in one line."""
    audits = tuple(audits)
    numbers = {
        "answered": sum(audit.answered for audit in audits),
        "pending": sum(audit.pending for audit in audits),
        "missing": sum(audit.missing for audit in audits),
        "echoes": sum(audit.echoes for audit in audits),
        "contradictions": sum(len(audit.contradictions) for audit in audits),
        "unknown": sum(audit.unknown for audit in audits),
    }
    offsets = sum(audit.offsets for audit in audits)
    return f"{offsets:,} source offsets: " + ", ".join(f"{number:,} {name}" for name, number in numbers.items())
