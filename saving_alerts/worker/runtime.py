"""The composition root of one worker: everything it is made of, how it is opened, drained and closed.

`WorkerRuntime` builds what needs no I/O. `open` connects to the outside world and builds what needs that: `Opened`.
"""

import asyncio
import itertools
import uuid
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import cast

import faust

from saving_alerts.adapters.datadog import NoMetrics, metrics_to
from saving_alerts.adapters.in_memory_metrics import InMemoryMetrics, TeeMetrics
from saving_alerts.adapters.metrics_by_time import MetricsByTime
from saving_alerts.delivery.flow_control import ConsumerFlowControl
from saving_alerts.delivery.in_flight import InFlightLimits
from saving_alerts.delivery.poison_pills.commit_metadata import Partition
from saving_alerts.delivery.poison_pills.detector import PoisonPillDetector
from saving_alerts.delivery.poison_pills.finished_before import Behind
from saving_alerts.delivery.producer import OutputProducer
from saving_alerts.delivery.record_builder import RecordBuilder
from saving_alerts.delivery.services import StageServices
from saving_alerts.delivery.stage_runner import StageRunner
from saving_alerts.dependencies import Dependencies
from saving_alerts.domain.canary.order import CanaryOrder
from saving_alerts.domain.clock_check import ClockLimits
from saving_alerts.domain.decisions import Stage
from saving_alerts.domain.merchants import Merchant
from saving_alerts.domain.reasons import Reason
from saving_alerts.failpoints import Failpoints
from saving_alerts.metrics import Metrics
from saving_alerts.pipeline.canary_counts import CanaryCounts
from saving_alerts.pipeline.dispatch import Dispatcher
from saving_alerts.pipeline.drain import Drain
from saving_alerts.pipeline.erasing import Eraser
from saving_alerts.pipeline.user_turns import UserTurns
from saving_alerts.ports import Ports
from saving_alerts.ports.clock import Clock
from saving_alerts.ports.consent import AsTheEventSaid, Consent
from saving_alerts.reference_data.canary_loader import CanaryLoader
from saving_alerts.reference_data.loader import ReferenceDataLoader
from saving_alerts.reference_data.shrink_guard import ShrinkGuard
from saving_alerts.reference_data.snapshot import ReferenceData
from saving_alerts.settings import Settings
from saving_alerts.supervision.clock_watch import ClockWatch
from saving_alerts.worker.consent import worker_consent
from saving_alerts.worker.datadog_policy import datadog_policy
from saving_alerts.worker.erasures import worker_erasures
from saving_alerts.worker.external_factories import ExternalFactories
from saving_alerts.worker.owned_partitions import Assigned, owned, settled
from saving_alerts.worker.reload_policy import reload_policy
from saving_alerts.worker.stages import StepInputs, build_stages
from saving_alerts.worker.taken_back import TakenBack


@dataclass(frozen=True, slots=True)
class Opened:
    """What exists once the outside world is connected."""

    ports: Ports
    loader: ReferenceDataLoader
    canaries: CanaryLoader
    clock_watch: ClockWatch
    stages: dict[Stage, StageRunner]


class WorkerRuntime:
    """One worker's parts. `opened` is None until `open` has been awaited."""

    def __init__(self, app: faust.App, settings: Settings, clock: Clock, external: ExternalFactories) -> None:
        self.settings = settings
        self.clock = clock
        self.started_at: datetime = clock.now()
        self.incarnation = uuid.uuid4().hex
        self.topics = settings.topics
        self.failpoints = Failpoints.read(settings.failpoint, settings.failpoint_signal)
        self.dependencies = Dependencies(clock.now)
        self.in_memory_metrics = InMemoryMetrics()
        self._datadog = metrics_to(datadog_policy(settings))
        self.metrics_by_time = MetricsByTime(clock.now)
        self.metrics: Metrics = TeeMetrics(self.metrics_by_time, _metrics(self.in_memory_metrics, self._datadog))
        self.kill_switches = external.kill_switches(settings, self.topics.kill_switches.name)
        self._taken_back = TakenBack(self.kill_switches, clock)
        self.reference_data = ReferenceData(settings.link_schemes, self._taken_back)
        self.canary = CanaryCounts(clock, self.tried)
        self.producer = OutputProducer(partial(external.new_producer, settings), self.metrics)
        self.consent = worker_consent(
            settings,
            self.producer,
            partial(owned, cast("Assigned", app), self.topics),
            clock,
            self.metrics,
            self.canary.opted_out,
        )
        self.turns = UserTurns()
        self.erasures = worker_erasures(
            settings, self.producer, partial(settled, cast("Assigned", app), self.topics), self._erase, self.metrics
        )
        self.push_sends = external.push_sends(app, settings, clock)
        self.detector = PoisonPillDetector(external.metadata_store(app, settings), self._behind)
        self.flow_control = ConsumerFlowControl(app)
        self.is_draining = False
        self.topics_problem: str | None = None  # what the last look at Kafka's topics found
        self.opened: Opened | None = None
        self._external = external
        self._closing = AsyncExitStack()

    @property
    def stages(self) -> dict[Stage, StageRunner]:
        """Empty before the worker is open."""
        return self.opened.stages if self.opened else {}

    def stage(self, stage: Stage) -> StageRunner:
        return self.stages[stage]

    def _reader(self, topic: str) -> StageRunner | None:
        """The stage that reads the topic."""
        readers = (runner for stage, runner in self.stages.items() if self.topics.inputs[stage].name == topic)
        return next(readers, None)

    def expect(self, partition: Partition, records: int, size_bytes: int) -> None:
        """So many records of a partition were handed to the agent that reads it."""
        if reader := self._reader(partition[0]):
            reader.expect(partition, records, size_bytes)

    def _behind(self, partition: Partition) -> Behind | None:
        """What is finished in a partition of a stage's topic and cannot be committed."""
        reader = self._reader(partition[0])
        return reader.behind(partition) if reader else None

    def held_back(self) -> dict[Partition, Behind]:
        """The partitions of which much is finished, and cannot be committed."""
        partitions = {cast("Partition", each) for stage in self.stages.values() for each in stage.partitions()}
        return {partition: behind for partition in partitions if (behind := self._behind(partition)) is not None}

    async def open(self) -> None:
        """Connect to the outside world, and build what needs it."""
        open_ports = self._external.open_ports
        partitions, ports = await asyncio.gather(
            self.producer.partition_count(self.topics.decisions.name),
            open_ports(self.settings, self.clock, self.metrics, self._closing, self.dependencies),
        )
        guard = ShrinkGuard(ports.accepted_directories, self.settings.merchants_max_loss)
        store, policy, data = ports.object_store, reload_policy(self.settings), self.reference_data
        loader = ReferenceDataLoader(store, guard, policy, data, self.clock, self.metrics)
        canaries = CanaryLoader(store, policy, data, self.clock)
        clock_watch = ClockWatch(ports.heartbeats.time, self.clock, _clock_limits(self.settings), self.metrics)
        self.opened = Opened(ports, loader, canaries, clock_watch, self._build_stages(ports, clock_watch, partitions))

    async def close(self) -> None:
        await self._closing.aclose()
        await asyncio.to_thread(self._datadog.close)

    async def drain(self) -> None:
        """Give all stages the same time to finish; what they do not finish is redelivered, here or elsewhere."""
        self.is_draining = True
        await asyncio.gather(*(stage.drain(self.settings.drain_seconds) for stage in self.stages.values()))

    def resume(self) -> None:
        """A new assignment begins."""
        self.is_draining = False
        for stage in self.stages.values():
            stage.resume()

    def _build_stages(self, ports: Ports, clock_watch: ClockWatch, partitions: int) -> dict[Stage, StageRunner]:
        drain = Drain()
        inputs = StepInputs(
            reference_data=self.reference_data,
            push_sends=self.push_sends,
            coupon_source=ports.coupon_source,
            dispatcher=self._dispatcher(ports, drain),
            clock_gate=clock_watch,
            max_ahead=clock_watch.limits.max_ahead,
            consent=self._consent,
            turns=self.turns,
            canary=self.canary,
        )
        return build_stages(inputs, self._services(drain, partitions), self.topics)

    def _services(self, drain: Drain, partitions: int) -> StageServices:
        return StageServices(
            record_builder=self._record_builder(partitions),
            producer=self.producer,
            flow_control=self.flow_control,
            detector=self.detector,
            metrics=self.metrics,
            clock=self.clock,
            limits=InFlightLimits(
                records=self.settings.window_max_records,
                bytes=self.settings.in_flight_max_bytes,
                uncommitted_records=self.settings.uncommitted_max_records,
                uncommitted_bytes=self.settings.uncommitted_max_bytes,
            ),
            failpoints=self.failpoints,
            dependencies=self.dependencies,
            drain=drain,
        )

    def _record_builder(self, partitions: int) -> RecordBuilder:
        name = self.settings.worker_name
        return RecordBuilder(self.topics, name, self.clock, self.metrics, self._rules_version, partitions)

    def _dispatcher(self, ports: Ports, drain: Drain) -> Dispatcher:
        return Dispatcher(
            throttle=ports.throttle,
            sender=ports.push_sender,
            push_sends=self.push_sends,
            kill_switches=self.kill_switches,
            gone_devices=ports.gone_devices,
            sent=Reason.WOULD_PUSH if self.settings.dry_run else Reason.PUSHED,
            clock=self.clock,
            incarnation=self.incarnation,
            lease_left=timedelta(seconds=self.settings.lease_left_to_attempt_seconds),
            claim_numbers=itertools.count(1),
            failpoints=self.failpoints,
            consent=self._consent,
            drain=drain,
            merchant=self._merchant,
        )

    def _merchant(self, merchant_id: str) -> Merchant | None:
        return self.reference_data.current.merchants.by_id.get(merchant_id)

    @property
    def _consent(self) -> Consent:
        return self.consent.known if self.consent else AsTheEventSaid()

    async def _erase(self, user_id: str, partition: int) -> str | None:
        if self.opened is None:
            return "the worker is not open yet"
        ports = self.opened.ports
        eraser = Eraser(ports.throttle, ports.gone_devices, self.push_sends, self.turns, self.failpoints)
        return await eraser.erase(user_id, partition)

    @property
    def canary_id(self) -> str | None:
        """Of the canary that counts for this worker, or None."""
        order = self.tried()
        return None if order is None else order.id

    def tried(self) -> CanaryOrder | None:
        """The canary that counts for this worker; None where none does, or where it is taken back."""
        order = self.reference_data.order
        return None if order is None or self._taken_back(order.id) else order

    def _rules_version(self) -> str | None:
        return self.reference_data.rules_version(self.clock.now())


def _metrics(in_memory: InMemoryMetrics, datadog: Metrics) -> Metrics:
    """Without an agent the numbers are kept for the worker's own pages only."""
    return in_memory if isinstance(datadog, NoMetrics) else TeeMetrics(in_memory, datadog)


def _clock_limits(settings: Settings) -> ClockLimits:
    return ClockLimits(
        max_ahead=timedelta(seconds=settings.max_ahead_seconds),
        margin=timedelta(seconds=settings.clock_margin_seconds),
    )
