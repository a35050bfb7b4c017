"""A step with I/O: it runs in a task per record, and one user's records are never in work at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import Generic, TypeVar

from aiokafka import ConsumerRecord

from saving_alerts.delivery.outcome_writer import OutcomeWriter, PendingStep
from saving_alerts.delivery.poison_pills.trial import tried
from saving_alerts.delivery.record_results import BatchResult
from saving_alerts.delivery.services import StageServices
from saving_alerts.delivery.work import ByOffset, Finish, Order, Start
from saving_alerts.failpoints import Failpoint
from saving_alerts.pipeline.outcomes import Outcome

In = TypeVar("In")
Out = TypeVar("Out")


class RecordWork(Generic[In, Out]):
    """`Work` for a coroutine function. Records with one key are worked on in their order, or in that of the step."""

    def __init__(
        self,
        writer: OutcomeWriter[In, Out],
        services: StageServices,
        step: Callable[[In], Awaitable[Outcome[Out]]],
        order: Order | None = None,
    ) -> None:
        self._writer = writer
        self._step = step
        self._order = order or ByOffset()
        self._detector = services.detector
        self._drain = services.drain
        self._clock = services.clock
        self._reach = partial(services.failpoints.reach, stage=writer.stage)
        self._last_of_key: dict[bytes | None, asyncio.Task[None]] = {}
        self._begun: set[tuple[int, int]] = set()
        self._stopped = False

    @property
    def pending(self) -> Collection[PendingStep]:
        return [each for each in self._writer.pending if not self._order.waits(each.position)]

    def has_begun(self, record: ConsumerRecord) -> bool:
        return (record.partition, record.offset) in self._begun

    def begin(self, records: list[ConsumerRecord], start: Start, finish: Finish) -> None:
        for record in records:
            before = None if self._order.is_by_step else self._last_of_key.get(record.key)
            self._last_of_key[record.key] = start(self._work(record, before, finish))

    def stop(self) -> None:
        self._stopped = True
        self._order.stop()

    def resume(self) -> None:
        self._stopped = False
        self._last_of_key.clear()
        self._order.resume()

    async def _work(self, record: ConsumerRecord, before: asyncio.Task[None] | None, finish: Finish) -> None:
        task = self._drain.enter()
        try:
            if before is not None:
                await _end_of(before)
            await self._detector.admit()
            if not self._stopped:
                await finish(record, await self._result(record))
        finally:
            if self._last_of_key.get(record.key) is task:
                del self._last_of_key[record.key]

    async def _result(self, record: ConsumerRecord) -> BatchResult:
        partition = record.topic, record.partition
        if self._detector.finished.has(partition, record.offset):
            return BatchResult([], passed_over=[record.offset])
        if self._detector.watches(partition):
            return await tried(record, partial(self._run, record), self._detector, self._writer)
        return await self._run(record)

    async def _run(self, record: ConsumerRecord) -> BatchResult:
        self._reach(Failpoint.BEFORE_STEP)
        place = record.partition, record.offset
        self._begun.add(place)
        try:
            return await self._writer.of_record(record, self._step, self._clock.now())
        finally:
            self._begun.discard(place)


async def _end_of(task: asyncio.Task[None]) -> None:
    """Wait for it, however it ends: every second event has one of its user before it, and `asyncio.wait` is dear."""
    if task.done():
        return
    ended = asyncio.get_running_loop().create_future()
    tell = partial(_tell, ended)
    task.add_done_callback(tell)
    try:
        await ended
    finally:
        task.remove_done_callback(tell)


def _tell(ended: asyncio.Future[None], _task: asyncio.Task[None]) -> None:
    if not ended.done():
        ended.set_result(None)
