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
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Hashable
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Generic, Protocol, TypeVar

from aiokafka import ConsumerRecord

from saving_alerts.delivery.conclusion import Concluding, Conclusion, Waiting, source_of
from saving_alerts.delivery.guard import Guard
from saving_alerts.delivery.outputs import Output, OutputProducer
from saving_alerts.delivery.window import Slot, Window
from saving_alerts.domain.decisions import Stage
from saving_alerts.failpoints import Failpoint, Failpoints
from saving_alerts.metrics import Metric, Metrics
from saving_alerts.outcomes import Outcome
from saving_alerts.ports import Clock

log = logging.getLogger(__name__)

In = TypeVar("In")
Out = TypeVar("Out")
EXIT_CANNOT_GO_ON = 70


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
        concluding: Concluding[In, Out],
        outputs: OutputProducer,
        intake: Intake,
        metrics: Metrics,
        clock: Clock,
        window_max_records: int,
        guard: Guard,
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
        self._window: Window[Batch] = Window(window_max_records)
        self._full: set[Hashable] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._last_of_user: dict[bytes | None, asyncio.Task[None]] = {}
        self._draining = False

    @property
    def in_flight(self) -> int:
        """Records taken and not finished."""
        return self._window.unfinished

    @property
    def waiting(self) -> Collection[Waiting]:
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
        self._say_in_flight()
        if self._window.is_full(partition):
            self._full.add(partition)
            self._intake.stop(partition)
        if self._step is not None:
            self._start(self._work_batch(slot, records, self._step))
        else:
            self._start_records(slot, records)

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        # Started here, in the agent's own task: it inherits the event that Faust's tables write under.
        task = asyncio.create_task(self._never_raising(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _start_records(self, slot: Slot[Batch], records: list[ConsumerRecord]) -> None:
        for record in records:
            before = self._last_of_user.get(record.key)
            task = self._start(self._work_record(slot, record, before))
            self._last_of_user[record.key] = task
            task.add_done_callback(partial(self._forget, record.key))

    def _forget(self, key: bytes | None, task: asyncio.Task[None]) -> None:
        if self._last_of_user.get(key) is task:
            del self._last_of_user[key]

    @staticmethod
    async def _never_raising(work: Coroutine[None, None, None]) -> None:
        """A bug in delivery itself must not end in an acknowledgement: this exit gives none."""
        try:
            await work
        except Exception:
            log.exception("delivery failed, the worker cannot go on")
            os._exit(EXIT_CANNOT_GO_ON)

    async def _work_batch(
        self, slot: Slot[Batch], records: list[ConsumerRecord], step: Callable[[In], Outcome[Out]]
    ) -> None:
        await self._guard.admit()
        conclusions = await self._conclude_all(records, step)
        outputs = [output for conclusion in conclusions for output in conclusion.outputs]
        outputs += self._concluding.receipts(conclusions)
        await self._publish(outputs, conclusions)
        self._finish(slot, conclusions)

    async def _conclude_all(
        self, records: list[ConsumerRecord], step: Callable[[In], Outcome[Out]]
    ) -> list[Conclusion]:
        if not self._guard.watches((records[0].topic, records[0].partition)):
            self._reach(Failpoint.BEFORE_STEP)
            return [self._concluding.of_step(record, step) for record in records]

        async def work(record: ConsumerRecord) -> Conclusion:
            self._reach(Failpoint.BEFORE_STEP)
            return self._concluding.of_step(record, step)

        return [await self._conclude(record, partial(work, record)) for record in records]

    async def _work_record(self, slot: Slot[Batch], record: ConsumerRecord, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        await self._guard.admit()
        step = self._waiting_step
        if self._draining or step is None:
            return

        async def work() -> Conclusion:
            self._reach(Failpoint.BEFORE_STEP)
            return await self._concluding.of_waiting_step(record, step)

        conclusion = await self._conclude(record, work)
        await self._publish(conclusion.outputs, [conclusion])
        self._finish(slot, [conclusion])

    async def _conclude(self, record: ConsumerRecord, work: Callable[[], Awaitable[Conclusion]]) -> Conclusion:
        position = record.topic, record.partition
        if self._guard.watches(position) and self._guard.skips(position, record.offset, source_of(record)):
            return self._concluding.untried(record)
        return await self._guard.alone(position, record.offset, work)

    async def _publish(self, outputs: list[Output], conclusions: list[Conclusion]) -> None:
        """Return when everything is on Kafka; what Kafka refuses becomes a dead letter, or the worker ends."""
        self._reach(Failpoint.BEFORE_PUBLISH)
        undelivered = await self._outputs.deliver(outputs)
        self._reach(Failpoint.AFTER_PUBLISH)
        if not undelivered:
            return
        letters = [letter for failed in undelivered for letter in self._concluding.undelivered(failed, conclusions)]
        lost = await self._outputs.deliver(letters)
        if lost:
            raise RuntimeError(f"not even a dead letter could be written: {lost[0].error!r}")

    def _finish(self, slot: Slot[Batch], conclusions: list[Conclusion]) -> None:
        self._measure(slot, conclusions)
        for batch in self._window.finish(slot, len(conclusions)):
            self._reach(Failpoint.BEFORE_ACK)
            batch.event.ack()
        if slot.partition in self._full and self._window.has_room_again(slot.partition):
            self._full.discard(slot.partition)
            self._intake.resume(slot.partition)

    def _measure(self, slot: Slot[Batch], conclusions: list[Conclusion]) -> None:
        now = self._clock.now()
        for conclusion in conclusions:
            received_at = conclusion.addressed and conclusion.addressed.received_at
            if received_at:
                self._metrics.observe(Metric.EVENT_AGE, (now - received_at).total_seconds(), stage=self.stage)
        for label, count in Counter(conclusion.label for conclusion in conclusions).items():
            self._metrics.count(Metric.STAGE_OUT, count, stage=self.stage, decision=label)
        self._metrics.observe(Metric.STAGE_DURATION, monotonic() - slot.batch.taken_at_seconds, stage=self.stage)
        self._say_in_flight()

    def _say_in_flight(self) -> None:
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
        self._window = Window(self._window_max_records)
        self._say_in_flight()
        self._full.clear()
        self._last_of_user.clear()

    def resume(self) -> None:
        """A new assignment begins."""
        self._draining = False
