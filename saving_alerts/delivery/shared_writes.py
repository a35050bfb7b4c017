"""What needs no hurry of several small batches of a stage: it is written together, and acknowledged after that.

Nobody waits for a receipt or a decision of `validate`, but each that is written by itself costs as much as a record
that goes on: a receipt for every batch of one to five events, a place in a request and in its answer. What goes on is
never kept back.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from itertools import groupby

import msgspec
from aiokafka import ConsumerRecord

from saving_alerts.delivery.poison_pills.commit_metadata import Partition
from saving_alerts.delivery.poison_pills.detector import PoisonPillDetector
from saving_alerts.delivery.record_results import BatchResult
from saving_alerts.delivery.uncommitted import Taken
from saving_alerts.metrics import FORWARDED

# A decision comes so much later, when few events come. A batch with so many records shares its receipt well enough.
SHARE_SECONDS = 0.05
ENOUGH_RECORDS = 50


class Ended(msgspec.Struct, frozen=True, gc=False):
    """What became of some records of one batch, and any record of it."""

    batch: Taken
    record: ConsumerRecord
    result: BatchResult

    @property
    def place(self) -> tuple[int, int]:
        """The partition and the first of the offsets."""
        return self.record.partition, self.result.first_offset


def in_two(result: BatchResult) -> tuple[BatchResult, BatchResult]:
    """What goes on to the next stage, and the rest."""
    going_on = [each for each in result.results if each.label == FORWARDED]
    rest = [each for each in result.results if each.label != FORWARDED]
    return BatchResult(going_on), BatchResult(rest, result.no_triggers, result.written_ms, result.passed_over)


def by_partition(ended: Sequence[Ended]) -> Iterator[tuple[ConsumerRecord, BatchResult]]:
    """All that ended, one result for each partition: its receipts become one."""
    if len(ended) == 1:
        yield ended[0].record, ended[0].result
        return
    ordered = sorted(ended, key=lambda each: each.record.partition)
    for _, group in groupby(ordered, key=lambda each: each.record.partition):
        each = list(group)
        yield each[0].record, BatchResult.together(one.result for one in each)


class SharedWrites:
    """Of one stage. `write` gets all that came within `seconds`; it runs in a task of the stage, as its other work.

    With 0 seconds each batch is written by itself. So is what comes while a poison pill is looked for: each record is
    finished before the next one begins.
    """

    def __init__(
        self,
        seconds: float,
        detector: PoisonPillDetector,
        start: Callable[[Coroutine[None, None, None]], object],
        write: Callable[[Sequence[Ended]], Coroutine[None, None, None]],
    ) -> None:
        self._seconds = seconds
        self._detector = detector
        self._start = start
        self._write = write
        self._ended: list[Ended] = []
        self._hurry = asyncio.Event()
        self._is_waiting = False

    def takes(self, result: BatchResult, partition: Partition) -> bool:
        """Whether it is so little that it is worth waiting for more, and there is time."""
        is_little = self._seconds > 0 and result.records < ENOUGH_RECORDS and not self._hurry.is_set()
        return is_little and not self._detector.watches(partition)

    def add(self, ended: Ended) -> None:
        self._ended.append(ended)
        if not self._is_waiting:
            self._is_waiting = True
            self._start(self._wait_and_write())

    def hurry(self) -> None:
        """Write what is there, and let nothing more wait: the partitions go."""
        self._hurry.set()

    def resume(self) -> None:
        """A new assignment begins. What was not written of the former one is nobody's."""
        self._ended, self._is_waiting = [], False
        self._hurry.clear()

    async def _wait_and_write(self) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await self._hurry.wait()
        except TimeoutError:
            pass
        ended, self._ended, self._is_waiting = self._ended, [], False
        await self._write(ended)
