"""One worker's process: the real stages, detector, producer, kill switches and reload, between simulated neighbours."""

import asyncio
import itertools
from collections.abc import Coroutine, Hashable
from datetime import datetime, timedelta
from typing import Any, cast

from aiokafka import AIOKafkaConsumer
from faust.types import TP

from saving_alerts.adapters.datadog import NoMetrics
from saving_alerts.adapters.kill_switch_topic import KillSwitchTopic
from saving_alerts.delivery.flow_control import Message
from saving_alerts.delivery.in_flight import InFlightLimits
from saving_alerts.delivery.poison_pills.commit_metadata import Partition, PartitionMemo, PartitionMemos
from saving_alerts.delivery.poison_pills.detector import PoisonPillDetector
from saving_alerts.delivery.poison_pills.finished_before import Behind
from saving_alerts.delivery.producer import OutputProducer
from saving_alerts.delivery.record_builder import RecordBuilder
from saving_alerts.delivery.record_results import BatchResult
from saving_alerts.delivery.services import StageServices
from saving_alerts.delivery.uncommitted import FaustEvent
from saving_alerts.delivery.work import Run
from saving_alerts.domain.alerts import Push
from saving_alerts.domain.caps import blocking_cap
from saving_alerts.domain.decisions import Stage
from saving_alerts.domain.stopped_pushes import active_switch
from saving_alerts.failpoints import Failpoints
from saving_alerts.pipeline.canary_counts import CanaryCounts
from saving_alerts.pipeline.dispatch import Dispatcher
from saving_alerts.pipeline.drain import Drain
from saving_alerts.pipeline.user_turns import UserTurns
from saving_alerts.ports.consent import AsTheEventSaid
from saving_alerts.reference_data.snapshot import ReferenceData
from saving_alerts.worker.stages import StepInputs, build_stages
from saving_alerts.worker.taken_back import TakenBack
from tests.deterministic.assignment import MAX_BATCH, Assignment, acts_for
from tests.deterministic.claim_rules import LEASE_LEFT, ClaimRules
from tests.deterministic.kafka import STAGE_OF, TOPICS
from tests.deterministic.plan import PARTITIONS
from tests.deterministic.producer_client import SimulatedProducer
from tests.deterministic.push_api_client import PushApiClient
from tests.deterministic.redis_client import RedisClient
from tests.deterministic.slots import WatchedDispatcher
from tests.deterministic.sources import CouponClient, PatientConsumer, Sources
from tests.deterministic.table_client import TableClient
from tests.deterministic.trace import ProcessDiedError
from tests.deterministic.tried import MERCHANT_ID, stoppable
from tests.deterministic.world import SimulatedClock, World

MAX_IN_FLIGHT, MAX_UNCOMMITTED = 2, 10
MAX_AHEAD = timedelta(minutes=2)


class TrustedClock:
    """The gate of a worker whose clock is right."""

    async def believed(self, run: Run) -> BatchResult:
        return await run()


class Worker:
    """One incarnation. `assignment` is None before it has any, and after its drain."""

    def __init__(self, world: World, sources: Sources, slot: int, number: int) -> None:
        self.name = f"w{slot}.{number}"
        self.slot = slot
        self.process = world.loop.add_process(self.name, self._failed)
        self.is_drained = False
        self.is_expelled = False
        self.pauses = 0
        self.assignment: Assignment | None = None
        self.failpoints = Failpoints(act=self.dies_here)
        self._world, self._sources = world, sources
        self.clock = SimulatedClock(world.loop, world.worker_skews[slot])
        gathers = bool(world.plan.choose_within_seconds)
        self.rules = ClaimRules(world.trace, self.clock, world.facts, overlap=gathers)
        self.detector = PoisonPillDetector(self, self._behind)
        self.kill_switches = KillSwitchTopic(self._kill_switch_consumer, sources.kill_switches.name)
        self._metrics, taken_back = NoMetrics(), TakenBack(self.kill_switches, self.clock)
        self._reference_data = ReferenceData(taken_back=taken_back)
        self._producer = OutputProducer(lambda: SimulatedProducer.create(world, self), self._metrics)
        self._table = TableClient(world, self, self.clock)
        self._drain = Drain()
        self.stages = build_stages(self._inputs(), self._services(), TOPICS)

    def _inputs(self) -> StepInputs:
        world = self._world
        dispatcher = Dispatcher(
            throttle=RedisClient(world, self, self.rules),
            sender=PushApiClient(world, self, self.clock, self.before_attempt),
            push_sends=self._table,
            kill_switches=self.kill_switches,
            clock=self.clock,
            incarnation=self.name,
            lease_left=LEASE_LEFT,
            claim_numbers=itertools.count(1),
            failpoints=self.failpoints,
            drain=self._drain,
        )
        source = CouponClient(world, self, self.clock, two_arms=self._sources.two_arms)
        return StepInputs(
            self._reference_data,
            self._table,
            source,
            WatchedDispatcher.on(world.slots, self.rules, dispatcher),
            TrustedClock(),
            MAX_AHEAD,
            AsTheEventSaid(),
            UserTurns(),
            CanaryCounts(self.clock),
        )

    def _services(self) -> StageServices:
        builder = RecordBuilder(TOPICS, self.name, self.clock, self._metrics, lambda: "rules-1", PARTITIONS)
        return StageServices(
            record_builder=builder,
            producer=self._producer,
            flow_control=self,
            detector=self.detector,
            metrics=self._metrics,
            clock=self.clock,
            limits=InFlightLimits(MAX_IN_FLIGHT, 1024 * 1024, MAX_UNCOMMITTED, 1024 * 1024),
            failpoints=self.failpoints,
            drain=self._drain,
        )

    def _kill_switch_consumer(self) -> AIOKafkaConsumer:
        return cast("AIOKafkaConsumer", PatientConsumer(self._sources.kill_switches))

    def _failed(self, error: BaseException) -> None:
        """What a task raises ends the process, as the stage runner would."""
        if not isinstance(error, ProcessDiedError):
            self._world.trace.breaks(f"{self.name} raised {error!r}")
        self.process.kill()

    def dies_here(self) -> None:
        self._world.trace.tell(self.name, "DIES")
        self.process.kill()
        raise ProcessDiedError

    def spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        return self._world.loop.create_task(work, context=self.process.context)

    async def start(self) -> None:
        loader = self._sources.loader(self._reference_data, self.clock, self._metrics)
        await self._producer.on_start()
        await self.kill_switches.start()
        self._sources.give_rules(self._reference_data, self.clock.now())
        await loader.reload_merchants()
        self.spawn(self._sources.reload_for_ever(loader, self._world))

    async def assigned(self, generation: int, partitions: tuple[int, ...]) -> None:
        self._world.trace.tell(self.name, "is assigned", partitions, "generation", generation)
        self.is_drained = False
        self.assignment = Assignment(self._world, self, generation, partitions)
        self._table.recover()
        self.rules.begin()
        self.detector.begin()
        for stage in self.stages.values():
            stage.resume()
        self.assignment.begin()

    async def revoked(self) -> None:
        """The partitions go: drain, commit, and say that nobody died. Then nothing of the assignment acts."""
        assignment = self.assignment
        if assignment is None or self.is_drained:  # a rebalance may have come while it does this
            return
        self._world.did(self, "drains")
        assignment.stop_fetching()
        began, pauses, limit = self._world.loop.time(), self.pauses, self._world.plan.drain_seconds
        await asyncio.gather(*(stage.drain(limit) for stage in self.stages.values()))
        if self._world.loop.time() - began > limit + 1 and pauses == self.pauses:
            self._world.trace.breaks(f"the drain of {self.name} takes {self._world.loop.time() - began:.1f} s")
        self.look_for_what_is_alive(assignment)
        self.is_drained = True
        await assignment.commit()
        await self.detector.end_well()
        self.assignment = None

    def look_for_what_is_alive(self, assignment: Assignment) -> None:
        for task in self.process.tasks:
            if acts_for(assignment, task):
                self._world.trace.breaks(f"after its drain {self.name} still has {task.get_coro()!r}")

    def look_at_what_is_in_flight(self, stage: Stage, partition: Partition) -> None:
        unfinished = self.stages[stage]._in_flight._rows[partition].unfinished
        if unfinished > MAX_IN_FLIGHT - 1 + MAX_BATCH:
            self._world.trace.breaks(f"{self.name} has {unfinished} records of {partition} in flight at {stage}")

    def before_attempt(self, push: Push, not_after: datetime) -> ClaimRules:
        """What a worker knows at this moment must allow it: its claim, its kill switches, its Table."""
        trace, sends = self._world.trace, self._table.of(push.user_id)
        if active_switch(self.kill_switches.switches, stoppable(push, self._sources.order), self.clock.now()):
            trace.breaks(f"an attempt for {push.trace.event_id} under a kill switch that {self.name} knows")
        if any(send.event_id == push.trace.event_id for send in sends):
            trace.breaks(f"an attempt for {push.trace.event_id}, which the Table of {self.name} knows as sent")
        elif blocking_cap(self._sources.rules.caps, sends, MERCHANT_ID, self.clock.now()):
            trace.breaks(f"an attempt for {push.trace.event_id} over a cap that the Table of {self.name} knows")
        self.rules.attempts(push, not_after)
        return self.rules

    def expect(self, stage: Stage, partition: Partition, records: int, size_bytes: int) -> None:
        self.stages[stage].expect(partition, records, size_bytes)

    def take(self, stage: Stage, event: FaustEvent) -> None:
        self.stages[stage].take(event)

    # As the flow control of its stages.

    def is_current(self, message: Message) -> bool:
        return self.assignment is not None and message.generation_id == self.assignment.generation

    def stop(self, partition: Hashable) -> None:
        if self.assignment:
            self.assignment.stop(cast("tuple[str, int]", partition))

    def resume(self, partition: Hashable) -> None:
        if self.assignment:
            self.assignment.resume(cast("tuple[str, int]", partition))

    # As the store of its detector's memos.

    async def read(self) -> PartitionMemos:
        await asyncio.sleep(self._world.soon(0.2))
        kafka = self._world.kafka
        places = self.assignment.places if self.assignment else []
        behind = [place for place in places if kafka.next_offset(place) < len(kafka.logs[place])]
        return {
            place: (kafka.next_offset(place), PartitionMemo.read(kafka.committed.get(place, (0, ""))[1]))
            for place in behind
        }

    async def settle(self) -> None:
        if self.assignment:
            await self.assignment.commit()

    async def write(self, memos: PartitionMemos) -> None:
        if self.assignment:
            await self.assignment.memo_commits.write({TP(*place): noted for place, noted in memos.items()})

    # What is finished behind records that are not.

    def held_back(self) -> dict[Partition, Behind]:
        places = self.assignment.places if self.assignment else []
        return {place: behind for place in places if (behind := self._behind(place)) is not None}

    def _behind(self, place: Partition) -> Behind | None:
        return self.stages[STAGE_OF[place[0]]].behind(place)
