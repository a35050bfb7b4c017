"""What a stage asks of the two ways to run its step: `batch_work` and `record_work`."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine
from typing import Protocol

from aiokafka import ConsumerRecord

from saving_alerts.delivery.outcome_writer import PendingStep
from saving_alerts.delivery.record_results import BatchResult
from saving_alerts.domain.source_position import SourcePosition

Start = Callable[[Coroutine[None, None, None]], "asyncio.Task[None]"]
Finish = Callable[[ConsumerRecord, BatchResult], Awaitable[None]]


Run = Callable[[], Awaitable[BatchResult]]


class ClockGate(Protocol):
    """Lets through what was judged by a clock that can be trusted."""

    async def believed(self, run: Run) -> BatchResult:
        """What `run` says. While our clock is not trusted it is run again and again, and nothing is returned."""


class Order(Protocol):
    """In which order one user's records are worked on."""

    @property
    def is_by_step(self) -> bool:
        """Whether the step itself gives each its turn. Else it is that of their offsets."""

    def waits(self, position: SourcePosition) -> bool:
        """Whether the step has begun and waits for its turn, however long that takes."""

    def stop(self) -> None:
        """The partitions go."""

    def resume(self) -> None:
        """A new assignment begins."""


class ByOffset:
    """The order of the partition."""

    is_by_step = False

    def waits(self, position: SourcePosition) -> bool:  # noqa: ARG002 - as in `Order`
        return False

    def stop(self) -> None: ...

    def resume(self) -> None: ...


class Work(Protocol):
    """Runs one step over batches of raw records."""

    @property
    def pending(self) -> Collection[PendingStep]:
        """The records whose step has begun and not ended, without those that wait for their turn."""

    def has_begun(self, record: ConsumerRecord) -> bool:
        """Whether the step of a record in work has begun, as far as the work knows."""

    def begin(self, records: list[ConsumerRecord], start: Start, finish: Finish) -> None:
        """Start the tasks of one batch. `finish` is awaited with any record of the batch and what became of some."""

    def stop(self) -> None:
        """Begin no further step: the partitions go. What has begun goes on."""

    def resume(self) -> None:
        """A new assignment begins."""
