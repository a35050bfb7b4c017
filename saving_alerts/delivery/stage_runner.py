"""Runs one step over a stream of batches: decode, step, publish what it returned, await delivery, acknowledge.

This is the only place that looks at what a step returned, so every ending is counted, recorded and acknowledged.

The agent never waits: Faust fetches for all agents in one loop, and an agent that does not take its batch stops the
others. So a batch goes into the window at once, and when the window of a partition is full, the intake of that
partition is stopped at the consumer, where nothing that was fetched gets lost.

A step without I/O runs over the whole batch in one go. A step with I/O gets a task per record, and one user's records
are never in work at the same time.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Generic, Protocol, TypeVar

from aiokafka import ConsumerRecord

from saving_alerts.delivery.in_flight import InFlight, InFlightBatch
from saving_alerts.delivery.outcome_writer import OutcomeWriter, PendingStep, source_of
from saving_alerts.delivery.poison_pills.detector import PoisonPillDetector
from saving_alerts.delivery.producer import OutputProducer
from saving_alerts.delivery.results import BatchResult
from saving_alerts.domain.decisions import Stage
from saving_alerts.failpoints import Failpoint, Failpoints
from saving_alerts.metrics import Metric, Metrics
from saving_alerts.pipeline.outcomes import Outcome
from saving_alerts.ports.clock import Clock

log = logging.getLogger(__name__)

In = TypeVar("In")
Out = TypeVar("Out")
RESTART = 70


class Event(Protocol):
    """What Faust hands to an agent, as far as we need it: `value` is the list of raw records of one batch."""

    value: list[ConsumerRecord]

    @property
    def message(self) -> "Message": ...

    def ack(self) -> bool: ...


class Message(Protocol):
    tp: Hashable
    generation_id: int


class Intake(Protocol):
    """The consumer's flow control, per partition."""

    def is_current(self, message: Message) -> bool:
        """Whether the message belongs to the assignment that is in force."""

    def stop(self, partition: Hashable) -> None: ...

    def resume(self, partition: Hashable) -> None: ...


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch in work."""

    event: Event
    taken_at_seconds: float


class StageRunner(Generic[In, Out]):
    """One stage of one worker: its window, the work in it, and its bounded drain."""

    def __init__(  # noqa: PLR0913, PLR0917 - it joins all parts of delivery, and is built in one place
        self,
        stage: Stage,
        concluding: OutcomeWriter[In, Out],
        outputs: OutputProducer,
        intake: Intake,
        metrics: Metrics,
        clock: Clock,
        window_max_records: int,
        guard: PoisonPillDetector,
        failpoints: Failpoints,
        step: Callable[[In], Outcome[Out]] | None = None,
        waiting_step: Callable[[In], Awaitable[Outcome[Out]]] | None = None,
    ) -> None:
        self.stage = stage
        self._concluding = concluding
        self._outputs = outputs
        self._intake = intake
        self._metrics = metrics
        self._clock = clock
        self._guard = guard
        self._reach = partial(failpoints.reach, stage=stage)
        self._step = step
        self._waiting_step = waiting_step
        self._window_max_records = window_max_records
        self._window: InFlight[Batch] = InFlight(window_max_records)
        self._full: set[Hashable] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._last_of_user: dict[bytes | None, asyncio.Task[None]] = {}
        self._draining = False

    @property
    def in_flight(self) -> int:
        """Records taken and not finished."""
        return self._window.unfinished

    @property
    def waiting(self) -> Collection[PendingStep]:
        """The records whose step has begun and not ended."""
        return self._concluding.waiting

    async def run(self, events: AsyncIterator[Event]) -> None:
        """The body of the agent: take each batch at once, never wait."""
        async for event in events:
            self.take(event)

    def take(self, event: Event) -> None:
        """Put one batch into the window and start its work. While draining nothing begins; Kafka keeps the batch."""
        if self._draining or not self._intake.is_current(event.message):
            return
        records = event.value
        partition = event.message.tp
        slot = self._window.take(partition, Batch(event, monotonic()), len(records))
        self._reach(Failpoint.AFTER_READ)
        self._metrics.count(Metric.STAGE_IN, len(records), stage=self.stage)
        if self.stage is Stage.VALIDATE:
            self._metrics.count(Metric.EVENTS_READ, len(records))
        self._report_in_flight()
        if self._window.is_full(partition):
            self._full.add(partition)
            self._intake.stop(partition)
        if self._step is not None:
            self._start(self._work_batch(slot, records, self._step))
        else:
            self._start_records(slot, records)

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        # Started here, in the agent's own task: it inherits the event that Faust's tables write under.
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A bug in delivery itself must not end in an acknowledgement: this exit gives none."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.critical("delivery failed, the worker cannot go on", exc_info=error)
            os._exit(RESTART)

    def _start_records(self, slot: InFlightBatch[Batch], records: list[ConsumerRecord]) -> None:
        for record in records:
            before = self._last_of_user.get(record.key)
            task = self._start(self._work_record(slot, record, before))
            self._last_of_user[record.key] = task
            task.add_done_callback(partial(self._forget, record.key))

    def _forget(self, key: bytes | None, task: asyncio.Task[None]) -> None:
        if self._last_of_user.get(key) is task:
            del self._last_of_user[key]

    async def _work_batch(
        self, slot: InFlightBatch[Batch], records: list[ConsumerRecord], step: Callable[[In], Outcome[Out]]
    ) -> None:
        await self._guard.admit()
        concluded = await self._concluded(records, step)
        await self._publish(records[0], concluded)
        self._finish(slot, concluded)

    async def _concluded(self, records: list[ConsumerRecord], step: Callable[[In], Outcome[Out]]) -> BatchResult:
        if not self._guard.watches((records[0].topic, records[0].partition)):
            return self._try(records, step)

        async def work(record: ConsumerRecord) -> BatchResult:
            return self._try([record], step)

        return BatchResult.together([await self._watched(record, partial(work, record)) for record in records])

    def _try(self, records: Sequence[ConsumerRecord], step: Callable[[In], Outcome[Out]]) -> BatchResult:
        self._reach(Failpoint.BEFORE_STEP)
        return self._concluding.of_batch(records, step, self._clock.now())

    async def _work_record(
        self, slot: InFlightBatch[Batch], record: ConsumerRecord, before: asyncio.Task[None] | None
    ) -> None:
        if before is not None:
            await asyncio.wait([before])
        await self._guard.admit()
        step = self._waiting_step
        if self._draining or step is None:
            return
        is_watched = self._guard.watches((record.topic, record.partition))
        work = partial(self._try_waiting, record, step)
        concluded = await (self._watched(record, work) if is_watched else work())
        await self._publish(record, concluded)
        self._finish(slot, concluded)

    def _try_waiting(
        self, record: ConsumerRecord, step: Callable[[In], Awaitable[Outcome[Out]]]
    ) -> Awaitable[BatchResult]:
        self._reach(Failpoint.BEFORE_STEP)
        return self._concluding.of_record(record, step, self._clock.now())

    async def _watched(self, record: ConsumerRecord, work: Callable[[], Awaitable[BatchResult]]) -> BatchResult:
        """Not at all if it was convicted, and alone while anything is suspected."""
        position = record.topic, record.partition
        if self._guard.skips(position, record.offset, source_of(record)):
            return self._concluding.untried(record)
        return await self._guard.alone(position, record.offset, work)

    async def _publish(self, first: ConsumerRecord, concluded: BatchResult) -> None:
        """Return when everything is on Kafka; what Kafka refuses becomes a dead letter, or the worker ends."""
        self._reach(Failpoint.BEFORE_PUBLISH)
        undelivered = await self._outputs.deliver(self._concluding.outputs(first, concluded))
        self._reach(Failpoint.AFTER_PUBLISH)
        if not undelivered:
            return
        letters = [
            letter for failed in undelivered for letter in self._concluding.undelivered(failed, concluded.conclusions)
        ]
        lost = await self._outputs.deliver(letters)
        if lost:
            raise RuntimeError(f"not even a dead letter could be written: {lost[0].error!r}")

    def _finish(self, slot: InFlightBatch[Batch], concluded: BatchResult) -> None:
        self._measure(slot, concluded)
        for batch in self._window.finish(slot, concluded.records):
            self._reach(Failpoint.BEFORE_ACK)
            batch.event.ack()
        if slot.partition in self._full and self._window.below_resume_mark(slot.partition):
            self._full.discard(slot.partition)
            self._intake.resume(slot.partition)

    def _measure(self, slot: InFlightBatch[Batch], concluded: BatchResult) -> None:
        now = self._clock.now()
        for conclusion in concluded.conclusions:
            addressed = conclusion.addressed
            if addressed is not None and addressed.received_at is not None:
                self._metrics.observe(Metric.EVENT_AGE, (now - addressed.received_at).total_seconds(), stage=self.stage)
        for label, count in concluded.labels.items():
            self._metrics.count(Metric.STAGE_OUT, count, stage=self.stage, decision=label)
        self._metrics.observe(Metric.STAGE_DURATION, monotonic() - slot.batch.taken_at_seconds, stage=self.stage)
        self._report_in_flight()

    def _report_in_flight(self) -> None:
        self._metrics.gauge(Metric.IN_FLIGHT, self._window.unfinished, stage=self.stage)

    async def drain(self, limit_seconds: float) -> None:
        """Begin nothing new, give what is in work so long, then abandon it: unacknowledged, for the next owner."""
        self._draining = True
        self._reach(Failpoint.DURING_DRAIN)
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=limit_seconds)
        self._window.close()
        abandoned = set(self._tasks)
        for task in abandoned:
            task.cancel()
        await asyncio.gather(*abandoned, return_exceptions=True)
        if abandoned:
            log.warning("%s: %d unfinished tasks were abandoned; their records come again", self.stage, len(abandoned))
        self._window = InFlight(self._window_max_records)
        self._report_in_flight()
        self._full.clear()
        self._last_of_user.clear()

    def resume(self) -> None:
        """A new assignment begins."""
        self._draining = False
