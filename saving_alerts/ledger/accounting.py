"""Audit as arithmetic: is every source offset behind the commit answered, or still on its way?

Nothing here reads Kafka. What was read, in which order and why, is in `auditing`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from saving_alerts.domain.alerts import idempotency_key
from saving_alerts.domain.decisions import Decision, Receipt, ranges_of
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.ledger.offset_set import OffsetSet

Ranges = tuple[tuple[int, int], ...]
HTTP_ACCEPTED = range(200, 300)


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

    @property
    def offsets(self) -> int:
        """Positions that hold a record, or held one; control records and compacted ones are none."""
        return self.answered + self.pending + self.missing + self.unknown

    @property
    def sound(self) -> bool:
        return not self.missing and not self.contradictions


@dataclass(frozen=True, slots=True)
class _AcceptedPush:
    """What makes two accepted pushes of one position different ones, and not one that was written down twice."""

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
        self._pushes: dict[int, _AcceptedPush] = {}
        self._contradictions: set[int] = set()
        self._echoes = 0
        self._first_kept = span.start

    def deleted_before(self, offset: int) -> None:
        """The source begins here by now: of what was before it, only the ledger can tell."""
        self._first_kept = min(max(self._first_kept, offset), self._span.end)

    def present(self, first: int, last: int | None = None, *, maybe_forgotten: bool = False) -> None:
        """The source holds a record there, or one at each offset up to `last`.

        `maybe_forgotten` when their decisions may be deleted by retention by now.
        """
        offsets = self._maybe_forgotten if maybe_forgotten else self._present
        offsets.add(first, first if last is None else min(last, self._span.end - 1))

    def pending(self, offset: int) -> None:
        """It is on an internal topic, not yet committed there."""
        if self._span.start <= offset < self._span.end:
            self._pending.add(offset, offset)

    def answered(self, first: int, last: int) -> None:
        """An inclusive range has a decision or a receipt. What was answered before is an echo."""
        first, last = max(first, self._span.start), min(last, self._span.end - 1)
        if first <= last:
            self._echoes += self._answered.add(first, last)

    def decided(self, decision: Decision) -> None:
        offset = decision.position.offset
        self.answered(offset, offset)
        if decision.reason is Reason.PUSHED and self._span.start <= offset < self._span.end:
            self._pushed(offset, _accepted_push(decision))

    def _pushed(self, offset: int, push: _AcceptedPush) -> None:
        known = self._pushes.setdefault(offset, push)
        if push.contradicts(known):
            self._contradictions.add(offset)
        if push.accepted_anew and not known.accepted_anew:
            # Of several that are the same push, the one that was accepted anew can be contradicted later.
            self._pushes[offset] = push

    def audit(self) -> PartitionAudit:
        """Add it up. An answer beats being on the way: a record is still on its topic after it was decided."""
        covered = self._answered | self._pending
        missing = self._present - covered
        span = self._span
        told_of = (covered | self._present | self._maybe_forgotten).below(self._first_kept)
        deleted = self._first_kept - span.start - told_of.count()
        return PartitionAudit(
            partition=self._partition,
            start=span.start,
            end=span.end,
            answered=self._answered.count(),
            pending=(self._pending - self._answered).count(),
            missing=missing.count(),
            missing_ranges=ranges_of(missing),
            echoes=self._echoes,
            contradictions=tuple(sorted(self._contradictions)),
            unknown=deleted + (self._maybe_forgotten - covered).count(),
            uncommitted=span.uncommitted,
        )


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

    def present(self, partition: int, first: int, last: int | None = None, *, maybe_forgotten: bool = False) -> None:
        self._partitions[partition].present(first, last, maybe_forgotten=maybe_forgotten)

    def pending(self, position: SourcePosition) -> None:
        if account := self._of(position.topic, position.partition):
            account.pending(position.offset)

    def recorded(self, entry: Decision | Receipt) -> None:
        """One record of the decision topic, in the order written."""
        if isinstance(entry, Decision):
            if account := self._of(entry.position.topic, entry.position.partition):
                account.decided(entry)
        elif account := self._of(entry.topic, entry.partition):
            for first, last in entry.ranges:
                account.answered(first, last)

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
