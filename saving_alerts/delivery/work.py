"""What a stage asks of the two ways to run its step: `batch_work` and `record_work`."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine
from typing import Protocol

from aiokafka import ConsumerRecord

from saving_alerts.delivery.outcome_writer import PendingStep
from saving_alerts.delivery.record_results import BatchResult

Start = Callable[[Coroutine[None, None, None]], "asyncio.Task[None]"]
Finish = Callable[[ConsumerRecord, BatchResult], Awaitable[None]]


Run = Callable[[], Awaitable[BatchResult]]


class ClockGate(Protocol):
    """Lets through what was judged by a clock that can be trusted."""

    async def believed(self, run: Run) -> BatchResult:
        """What `run` says. While our clock is not trusted it is run again and again, and nothing is returned."""


class Work(Protocol):
    """Runs one step over batches of raw records."""

    @property
    def pending(self) -> Collection[PendingStep]:
        """The records whose step has begun and not ended."""

    def has_begun(self, record: ConsumerRecord) -> bool:
        """Whether the step of a record in work has begun, as far as the work knows."""

    def begin(self, records: list[ConsumerRecord], start: Start, finish: Finish) -> None:
        """Start the tasks of one batch. `finish` is awaited with any record of the batch and what became of some."""

    def stop(self) -> None:
        """Begin no further step: the partitions go. What has begun goes on."""

    def resume(self) -> None:
        """A new assignment begins."""
