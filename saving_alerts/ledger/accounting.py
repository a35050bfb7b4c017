"""The arithmetic of an audit: is every committed source offset answered, or pending on an internal topic?

Nothing here reads Kafka. `audit.py` does, and explains in which order.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from saving_alerts.domain.decisions import Decision, Receipt, ranges_of
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.ledger.accepted_push import AcceptedPush, accepted_push
from saving_alerts.ledger.offset_set import OffsetSet
from saving_alerts.ledger.source_marks import EventMarks, SourceMarks

Ranges = tuple[tuple[int, int], ...]


class SourceRecordMark(NamedTuple):
    """What tells a record of the source from another at its offset: the event in it, and its time on Kafka."""

    event_id: str | None
    written_ms: int


NOT_LOOKED_AT = SourceRecordMark(None, 0)


@dataclass(frozen=True, slots=True)
class SourceSpan:
    """The offsets of one partition that are audited: from `start` to before `end`.

    `uncommitted` more were asked about, but are not committed yet, so that they need no answer.
    """

    start: int
    end: int
    uncommitted: int = 0


@dataclass(frozen=True, slots=True)
class PartitionAudit:
    """The result for one partition. `docs/operating.md`, "Reading `audit`", has the meaning of each number.

    `missing_ranges` are inclusive; `contradictions` are offsets.
    """

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
        """How many offsets hold an event, or held one. Those of control records and compacted ones do not count."""
        return self.answered + self.pending + self.missing + self.unknown

    @property
    def sound(self) -> bool:
        return not self.missing and not self.contradictions


class PartitionAccount:
    """Collects what is on record about the offsets of one source partition. `audit()` adds it up."""

    def __init__(self, partition: int, span: SourceSpan) -> None:
        self._partition = partition
        self._span = span
        self._answered, self._pending = OffsetSet(), OffsetSet()
        self._present, self._decision_maybe_deleted = OffsetSet(), OffsetSet()
        self._source, self._pending_events = SourceMarks(), EventMarks()
        self._pushes: dict[tuple[int, str | None], AcceptedPush] = {}
        self._contradictions: set[int] = set()
        self._echoes = self._of_former_topic = 0
        self._first_kept = span.start

    def deleted_before(self, offset: int) -> None:
        """The source is deleted up to `offset`: whether an older offset held an event, only the ledger can show."""
        self._first_kept = min(max(self._first_kept, offset), self._span.end)

    def present(
        self,
        first: int,
        record: SourceRecordMark,
        last: int | None = None,
        *,
        decision_maybe_deleted: bool = False,
    ) -> None:
        """The source holds a record there, or one at each offset up to `last`.

        If their decisions may be deleted, they are unknown, not missing.
        """
        offsets = self._decision_maybe_deleted if decision_maybe_deleted else self._present
        offsets.add(first, first if last is None else min(last, self._span.end - 1))
        self._source.note(first, record.event_id, record.written_ms)

    def pending(self, offset: int, event_id: str | None) -> None:
        """The event is on an internal topic, not yet committed there."""
        if self._span.start <= offset < self._span.end:
            self._pending.add(offset, offset)
            self._pending_events.note(offset, event_id)

    def receipted(self, first: int, last: int, written_ms: tuple[int, int] | None) -> None:
        """An inclusive range has a receipt, of records that were written from one time to the other."""
        is_of_this_topic = self._source.may_have(first, last, written_ms)
        first, last = max(first, self._span.start), min(last, self._span.end - 1)
        if first <= last:
            self._answered_by(first, last, is_of_this_topic=is_of_this_topic)

    def _answered_by(self, first: int, last: int, *, is_of_this_topic: bool) -> None:
        """Every further answer of an offset is an echo."""
        if is_of_this_topic:
            self._echoes += self._answered.add(first, last)
        else:
            self._of_former_topic += last - first + 1

    def decided(self, decision: Decision) -> None:
        offset = decision.position.offset
        if not self._span.start <= offset < self._span.end:
            return
        is_of_this_topic = self._source.events.may_be(offset, decision.event_id)
        self._answered_by(offset, offset, is_of_this_topic=is_of_this_topic)
        if decision.reason is Reason.PUSHED and is_of_this_topic:
            self._pushed(offset, decision.event_id, accepted_push(decision))

    def _pushed(self, offset: int, event_id: str | None, push: AcceptedPush) -> None:
        known = self._pushes.setdefault((offset, event_id), push)
        if push.contradicts(known):
            self._contradictions.add(offset)
        if push.accepted_anew and not known.accepted_anew:
            # Of several that are the same push, keep the one with 2xx: only it can contradict another 2xx later.
            self._pushes[offset, event_id] = push

    def audit(self) -> PartitionAudit:
        """Add it up. An offset that is both counts as answered: its record stays on the internal topic."""
        pending = self._pending_here()
        covered = self._answered | pending
        missing = self._present - covered
        span = self._span
        accounted = (covered | self._present | self._decision_maybe_deleted).below(self._first_kept)
        deleted = self._first_kept - span.start - accounted.count()
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
            unknown=deleted + (self._decision_maybe_deleted - covered).count(),
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


class Account:
    """All partitions of the source. Positions outside of the audited spans, or of another topic, are ignored."""

    def __init__(self, source: str, spans: Mapping[int, SourceSpan]) -> None:
        self._source = source
        self._partitions = {number: PartitionAccount(number, span) for number, span in spans.items()}

    def deleted_before(self, firsts: Mapping[int, int]) -> None:
        """By partition: the first offset that the source still has."""
        for number, account in self._partitions.items():
            account.deleted_before(firsts[number])

    def present(
        self,
        partition: int,
        first: int,
        record: SourceRecordMark = NOT_LOOKED_AT,
        last: int | None = None,
        *,
        decision_maybe_deleted: bool = False,
    ) -> None:
        self._partitions[partition].present(first, record, last, decision_maybe_deleted=decision_maybe_deleted)

    def pending(self, position: SourcePosition, event_id: str | None = None) -> None:
        if account := self._of(position.topic, position.partition):
            account.pending(position.offset, event_id)

    def recorded(self, entry: Decision | Receipt) -> None:
        """One record of the decision topic. To be called in the order written."""
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
