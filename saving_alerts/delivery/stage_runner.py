"""Runs one step over a stream of batches: decode, step, publish what it returned, await delivery, acknowledge.

This is the only place that looks at what a step returned, so whatever ends is counted, recorded and acknowledged.

The agent never waits: Faust fetches for all agents in one loop, and an agent that does not take its batch stops the
others. So a batch is in flight at once, and when too many records of a partition are, its intake is stopped at the
consumer, where nothing that was fetched gets lost.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Collection, Coroutine, Hashable, Iterator, Sequence
from functools import partial
from time import monotonic
from typing import Any

from aiokafka import ConsumerRecord

from saving_alerts.delivery.held_back import HeldBack
from saving_alerts.delivery.in_flight import InFlight
from saving_alerts.delivery.outcome_writer import OutcomeWriter, PendingStep
from saving_alerts.delivery.poison_pills.finished_before import Behind
from saving_alerts.delivery.poison_pills.finished_ranges import mark_of
from saving_alerts.delivery.publisher import Publisher
from saving_alerts.delivery.record_results import BatchResult
from saving_alerts.delivery.services import StageServices
from saving_alerts.delivery.shared_writes import Ended, SharedWrites, by_partition, in_two
from saving_alerts.delivery.stage_meter import StageMeter
from saving_alerts.delivery.uncommitted import (
    MEASURES,
    NOTED_FROM,
    Batch,
    FaustEvent,
    HeldBackStage,
    StageInFlight,
    Taken,
    behind,
)
from saving_alerts.delivery.work import Work
from saving_alerts.exit_codes import RESTART
from saving_alerts.failpoints import Failpoint
from saving_alerts.kafka.unpacking import size_of_poll

log = logging.getLogger(__name__)

# At a drain what is in work and not waited for has so long: most of it ends by itself, and is not done again.
GRACE_SECONDS = 1.0


class StageRunner:
    """One stage of one worker: what of it is in flight, and its bounded drain.

    `share_seconds`: how long what ends here may wait to be written together with more of it. What goes on never waits.
    """

    def __init__(
        self, writer: OutcomeWriter[Any, Any], services: StageServices, work: Work, share_seconds: float = 0
    ) -> None:
        self.stage = writer.stage
        self._writer = writer
        self._services = services
        self._work = work
        self._reach = partial(services.failpoints.reach, stage=self.stage)
        self._meter = StageMeter(self.stage, services, lambda: self.in_flight)
        self._in_flight = self._empty()
        self._drained: StageInFlight | None = None
        self._held_back = HeldBackStage(writer.stage, work, services.dependencies)
        self._full: set[Hashable] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._draining = False
        self._cut_off = 0
        self._publisher = Publisher(writer, services)
        self._shared_writes = SharedWrites(share_seconds, services.detector, self._start, self._write_together)

    def _empty(self) -> StageInFlight:
        return InFlight(self._services.limits, MEASURES, Batch.let_go)

    @property
    def in_flight(self) -> int:
        """Records taken and not finished."""
        return self._in_flight.unfinished

    @property
    def pending(self) -> Collection[PendingStep]:
        """The records whose step has begun and not ended."""
        return self._work.pending

    def held_back(self) -> Iterator[HeldBack]:
        """Each partition with an unfinished record, and what is known of the first one."""
        return self._held_back.partitions(self._in_flight, self._full)

    def behind(self, partition: Hashable) -> Behind | None:
        """What is finished in a partition and cannot be committed, if it is much; after a drain, if it is anything."""
        if self._drained is not None:
            return behind(self._drained, partition, 1)
        return behind(self._in_flight, partition, NOTED_FROM)

    def partitions(self) -> list[Hashable]:
        """Those of which anything is uncommitted."""
        return [head.partition for head in (self._drained or self._in_flight).heads()]

    def expect(self, partition: Hashable, records: int, size_bytes: int) -> None:
        """So many records were handed on. The next fetch may begin before the agent takes them, so they count now."""
        self._in_flight.expect(partition, records, size_bytes)
        self._stop_if_full(partition)

    async def run(self, events: AsyncIterator[FaustEvent]) -> None:
        """The body of the agent: take each batch at once, never wait."""
        async for event in events:
            self.take(event)

    def take(self, event: FaustEvent) -> None:
        """Begin the work on one batch. While draining nothing begins; Kafka keeps the batch."""
        if self._draining or not self._services.flow_control.is_current(event.message):
            return
        partition, records, size_bytes = event.message.tp, [*event.value], size_of_poll(event.value)
        # From here on only the work has the records: what is finished is not kept by what it waits for.
        event.value.clear()
        mark = mark_of(records[0])
        self._services.detector.finished.delivered((records[0].topic, records[0].partition), records[0].offset, mark)
        batch = Batch(event, self._services.clock.now(), monotonic(), mark)
        taken = self._in_flight.take(partition, batch, records, size_bytes)
        self._reach(Failpoint.AFTER_READ)
        self._meter.begun(len(records))
        self._stop_if_full(partition)
        self._work.begin(records, self._start, partial(self._publish_and_finish, taken))

    def _stop_if_full(self, partition: Hashable) -> None:
        if self._in_flight.is_full(partition):
            self._full.add(partition)
            self._services.flow_control.stop(partition)

    def _resume_if_room(self, partition: Hashable) -> None:
        if partition in self._full and self._in_flight.below_resume_mark(partition):
            self._full.discard(partition)
            self._services.flow_control.resume(partition)

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        # Started here, in the agent's own task: it inherits the event that Faust's tables write under.
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A bug in delivery itself must not end in an acknowledgement: this exit gives none."""
        self._tasks.discard(task)
        if task.cancelled():
            self._cut_off += 1
        elif (error := task.exception()) is not None:
            log.critical("delivery failed, the worker cannot go on", exc_info=error)
            os._exit(RESTART)

    async def _publish_and_finish(self, batch: Taken, record: ConsumerRecord, result: BatchResult) -> None:
        if self._shared_writes.takes(result, (record.topic, record.partition)):
            result, rest = in_two(result)
            if rest.records:
                self._shared_writes.add(Ended(batch, record, rest))
            if not result.records:
                return
        await self._write_together([Ended(batch, record, result)])

    async def _write_together(self, ended: Sequence[Ended]) -> None:
        places = {each.place for each in ended}
        self._held_back.publishing |= places
        try:
            await self._publisher.publish(list(by_partition(ended)))
        finally:
            self._held_back.publishing -= places
        for each in ended:
            self._finish(each.batch, each.result)

    def _finish(self, batch: Taken, result: BatchResult) -> None:
        self._meter.ended(batch.batch.taken_at_seconds, result)
        for finished in self._in_flight.finish(batch, result.offsets):
            self._reach(Failpoint.BEFORE_ACK)
            finished.event.ack()
        self._resume_if_room(batch.partition)

    async def drain(self, limit_seconds: float) -> None:
        """Begin nothing new, and give what is in work so long at most: what `Drain` does not wait for, a moment.

        The rest is abandoned: unacknowledged, for the next owner.
        """
        self._draining = True
        self._work.stop()
        self._shared_writes.hurry()
        self._reach(Failpoint.DURING_DRAIN)
        drain, time, self._cut_off = self._services.drain, asyncio.get_running_loop().time, 0
        give_up_at = time() + limit_seconds
        await self._wait(drain.start(min(GRACE_SECONDS, limit_seconds)))
        for task in self._tasks:
            if not drain.waits_for(task):
                task.cancel()
        await self._wait(give_up_at - time())
        self._in_flight.close()
        await self._abandon(set(self._tasks))
        self._drained, self._in_flight = self._in_flight, self._empty()
        self._meter.send_soon()
        self._full.clear()

    async def _wait(self, seconds: float) -> None:
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=max(0, seconds))

    async def _abandon(self, unfinished: set[asyncio.Task[None]]) -> None:
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        if self._cut_off:
            log.warning(
                "%s: %d unfinished tasks were abandoned; redelivered later",
                self.stage,
                self._cut_off,
                extra={"stage": str(self.stage)},
            )

    def resume(self) -> None:
        """A new assignment begins."""
        self._draining, self._drained = False, None
        self._services.drain.resume()
        self._work.resume()
        self._shared_writes.resume()
