"""What of a stage is uncommitted: for the memos that stand beside commits, and for the page."""

from collections.abc import Collection, Hashable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from aiokafka import ConsumerRecord

from saving_alerts.delivery.flow_control import Message
from saving_alerts.delivery.held_back import ITS_STEP, ITS_TURN, KAFKA, HeldBack
from saving_alerts.delivery.in_flight import Head, InFlight, InFlightBatch, Measures
from saving_alerts.delivery.poison_pills.finished_before import Behind
from saving_alerts.delivery.work import Work
from saving_alerts.dependencies import WAITED_FOR, Dependencies
from saving_alerts.domain.decisions import Stage
from saving_alerts.kafka.refused import last_offset_of
from saving_alerts.kafka.unpacking import size_of

MEASURES: Measures[ConsumerRecord] = Measures(size_of, last_offset_of)
# Fewer finished records behind a held one are delivered again: at any moment some are, and each commit would have to
# say which. When partitions go there is time for all.
NOTED_FROM = 1_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class FaustEvent(Protocol):
    """What Faust hands to an agent, as far as we need it: `value` is the list of raw records of one batch."""

    value: list[ConsumerRecord]

    @property
    def message(self) -> Message: ...

    def ack(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch in work. `mark` is of its first record."""

    event: FaustEvent
    taken_at: datetime
    taken_at_seconds: float
    mark: int

    def let_go(self) -> None:
        """A later batch is acknowledged in its place. Somebody may still refer to it: it must hold up no commit."""
        self.event.message.acked = True


StageInFlight = InFlight[Batch, ConsumerRecord]
Taken = InFlightBatch[Batch, ConsumerRecord]


def behind(in_flight: StageInFlight, partition: Hashable, at_least: int) -> Behind | None:
    """What is finished behind the first unfinished record; None where it is less than so many records."""
    uncommitted = in_flight.uncommitted(partition)
    if uncommitted is None or in_flight.finished_behind(partition) < at_least:
        return None
    batch, first = uncommitted
    return Behind(first, batch.mark, in_flight.finished_ranges(partition))


class HeldBackStage:
    """Says of a stage what holds its partitions back. `publishing` are the records whose outcomes are being written."""

    def __init__(self, stage: Stage, work: Work, dependencies: Dependencies) -> None:
        self._stage = stage
        self._work = work
        self._dependencies = dependencies
        self.publishing: set[tuple[int, int]] = set()

    def partitions(self, in_flight: StageInFlight, full: Collection[Hashable]) -> Iterator[HeldBack]:
        """Each partition with an unfinished record, and what is known of the first one. Those in `full` are stopped."""
        for head in in_flight.heads():
            yield self._of(head, is_stopped=head.partition in full)

    def _of(self, head: Head[Batch, ConsumerRecord], *, is_stopped: bool) -> HeldBack:
        record = head.record
        return HeldBack(
            stage=self._stage,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            since=head.batch.taken_at,
            uncommitted=head.uncommitted,
            waits_for=self._waits_for(record, head.batch.taken_at),
            is_stopped=is_stopped,
            written_at=_written_at(record.timestamp),
        )

    def _waits_for(self, record: ConsumerRecord, since: datetime) -> str:
        if (record.partition, record.offset) in self.publishing:
            return KAFKA
        if not self._work.has_begun(record):
            return ITS_TURN
        ill = "; ".join(map(str, self._dependencies.holding(self._stage)))
        return ill or ITS_STEP[self._stage] + self._failed_since(since)

    def _failed_since(self, since: datetime) -> str:
        """The last error of each that the step waits for, for this record or another one."""
        states = [self._dependencies.of(name) for name in WAITED_FOR[self._stage]]
        failed = "; ".join(str(each) for each in states if each.error and each.error.at >= since)
        return f"; last failed {failed}" if failed else ""


def _written_at(milliseconds: int) -> datetime | None:
    """None for a time that producers made up, and that no calendar has."""
    try:
        return EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None
