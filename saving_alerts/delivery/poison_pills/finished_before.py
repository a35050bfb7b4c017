"""What former owners of a partition had finished behind its committed offset: it is passed over, not done again.

Only after the first record that is delivered again is known to be the one that they had there.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from saving_alerts.delivery.in_flight import Range
from saving_alerts.delivery.poison_pills.finished_ranges import (
    FinishedOffsets,
    FinishedRanges,
    united,
)

log = logging.getLogger(__name__)

Partition = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Behind:
    """What this owner has finished and cannot commit: from `first`, the first record that would be delivered again.

    `mark` is of that record, `ranges` are the finished ones behind it.
    """

    first: int
    mark: int
    ranges: Sequence[Range]


@dataclass(slots=True)
class _Known:
    noted: FinishedRanges
    offsets: FinishedOffsets


class FinishedBefore:
    """For one assignment. Nothing is known before `inherit`."""

    def __init__(self) -> None:
        self._known: dict[Partition, _Known] = {}
        self._first: dict[Partition, tuple[int, int]] = {}

    def begin(self) -> None:
        self._known, self._first = {}, {}

    def delivered(self, partition: Partition, offset: int, mark: int) -> None:
        """A batch begins with this record. Only the first one of the partition counts."""
        self._first.setdefault(partition, (offset, mark))

    def inherit(self, partition: Partition, noted: FinishedRanges | None) -> None:
        """What the memo of the partition says."""
        if noted is not None:
            self._known[partition] = _Known(noted, FinishedOffsets(noted.ranges()))
            finished = sum(last - first + 1 for first, last in noted.ranges())
            log.info("%s-%d: former owners had finished %d offsets behind their commit", *partition, finished)

    def forget(self, partition: Partition) -> None:
        """It was made again."""
        self._known.pop(partition, None)
        self._first.pop(partition, None)

    def has(self, partition: Partition, offset: int) -> bool:
        """Whether a former owner had finished this record, which was delivered."""
        known = self._same(partition)
        return known is not None and offset in known.offsets

    def _same(self, partition: Partition) -> _Known | None:
        """What is known, if it is about the records that are delivered."""
        known = self._known.get(partition)
        if known is None or self._first.get(partition) == (known.noted.first, known.noted.mark):
            return known
        log.warning("%s-%d: what former owners noted as finished is about other records", *partition)
        del self._known[partition]
        return None

    def noted(self, partition: Partition, offset: int, behind: Behind | None, room_bytes: int) -> FinishedRanges | None:
        """What is to stand beside a commit of `offset`: what both have finished."""
        if behind is None:
            # Nothing was taken yet, or all of it is done: what is known may still be of use.
            known = self._known.get(partition)
            return known.noted if known is not None and known.noted.first >= offset else None
        ranges = united([*behind.ranges, *self._known_from(behind.first, partition)])
        return FinishedRanges.fitting(behind.first, behind.mark, ranges, room_bytes)

    def _known_from(self, first: int, partition: Partition) -> Iterable[Range]:
        """Also of what was delivered again: it may not be passed over yet when the partition goes."""
        known = self._same(partition)
        ranges = known.offsets.ranges if known is not None else ()
        return ((max(begins, first), ends) for begins, ends in ranges if ends >= first)
