"""Everything one worker is made of, and how it is opened, drained and closed."""

import asyncio
import itertools
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import faust
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from mode import Service

from saving_alerts.adapters.datadog import NoMetrics, metrics_to
from saving_alerts.adapters.in_memory_metrics import InMemoryMetrics, TeeMetrics
from saving_alerts.adapters.kill_switch_topic import KillSwitchTopic
from saving_alerts.delivery.consumer import ConsumerIntake
from saving_alerts.delivery.group_metadata import ConsumerMetadata
from saving_alerts.delivery.poison_pills.detector import MetadataStore, PoisonPillDetector
from saving_alerts.delivery.producer import OutputProducer
from saving_alerts.delivery.record_builder import RecordBuilder
from saving_alerts.domain.decisions import Stage
from saving_alerts.domain.reasons import Reason
from saving_alerts.failpoints import Failpoints
from saving_alerts.kafka.topics import Topics
from saving_alerts.metrics import Metrics
from saving_alerts.pipeline.dispatch import Dispatcher
from saving_alerts.ports import Ports
from saving_alerts.ports.clock import Clock
from saving_alerts.ports.push_sends import PushSends
from saving_alerts.reference_data.loader import ReferenceDataLoader, ReloadPolicy
from saving_alerts.reference_data.snapshot import ReferenceData
from saving_alerts.settings import Settings
from saving_alerts.worker.open_ports import open_ports
from saving_alerts.worker.push_sends_table import PushSendsTable
from saving_alerts.worker.stages import AnyStage, StageServices, build_stages

OUTPUT_BATCH_BYTES = 512 * 1024
OUTPUT_REQUEST_TIMEOUT_MILLISECONDS = 45_000
FIRST_LOOK_PAUSE_SECONDS = 1.0

Part = TypeVar("Part")
OpenPorts = Callable[[Settings, Clock, Metrics, AsyncExitStack], Awaitable[Ports]]


def _kafka_producer(settings: Settings) -> AIOKafkaProducer:
    return AIOKafkaProducer(
        **settings.kafka.options(),
        acks="all",
        enable_idempotence=True,
        max_batch_size=OUTPUT_BATCH_BYTES,
        request_timeout_ms=OUTPUT_REQUEST_TIMEOUT_MILLISECONDS,
    )


def _consumer_memory(app: faust.App, settings: Settings) -> MetadataStore:
    topics = Topics.named(settings.source_topic, settings.topic_prefix)
    inputs = frozenset(topic.name for topic in topics.inputs.values())
    return ConsumerMetadata(app, settings.kafka, settings.app_id, inputs)


def _followed(settings: Settings, topic: str) -> KillSwitchTopic:
    return KillSwitchTopic(lambda: AIOKafkaConsumer(**settings.kafka.options()), topic)


@dataclass(frozen=True, slots=True)
class ExternalFactories:
    """How a worker reaches what is not its own; tests give it other ways."""

    open_ports: OpenPorts = open_ports
    new_producer: Callable[[Settings], AIOKafkaProducer] = _kafka_producer
    metadata_store: Callable[[faust.App, Settings], MetadataStore] = _consumer_memory
    push_sends: Callable[[faust.App, str, Clock], PushSends] = PushSendsTable
    kill_switches: Callable[[Settings, str], KillSwitchTopic] = _followed


class House:
    """One worker's parts. `ports`, `dispatcher` and `loader` exist from boot on, everything else at once."""

    def __init__(self, settings: Settings, clock: Clock, outside: ExternalFactories) -> None:
        self.settings = settings
        self.clock = clock
        self.started_at: datetime = clock.now()
        self.incarnation = uuid.uuid4().hex
        self.topics = Topics.named(settings.source_topic, settings.topic_prefix, dry_run=settings.dry_run)
        self.kill_switches = outside.kill_switches(settings, self.topics.kill_switches.name)
        self.tally = InMemoryMetrics()
        self.datadog = metrics_to(settings.statsd_host, settings.statsd_port, {"worker": settings.worker_name})
        no_agent = isinstance(self.datadog, NoMetrics)
        self.metrics: Metrics = self.tally if no_agent else TeeMetrics(self.tally, self.datadog)
        self.reference_data = ReferenceData()
        self.outputs = OutputProducer(partial(outside.new_producer, settings), self.metrics)
        self.recorder = RecordBuilder(self.topics, settings.worker_name, clock, self.metrics, self._rules_version)
        self.stages: dict[Stage, AnyStage] = {}
        self._guard: PoisonPillDetector | None = None
        self._push_sends: PushSends | None = None
        self.failpoints = Failpoints.read(settings.failpoint, settings.failpoint_signal)
        self.is_draining = False
        self._outside = outside
        self._ports: Ports | None = None
        self._dispatcher: Dispatcher | None = None
        self._loader: ReferenceDataLoader | None = None
        self._closing = AsyncExitStack()

    def furnish(self, app: faust.App) -> None:
        """Build the stages, which need the app's consumer for their flow control."""
        self._push_sends = self._outside.push_sends(app, self.topics.push_sends.name, self.clock)
        self._guard = PoisonPillDetector(self._outside.metadata_store(app, self.settings))
        shop = StageServices(
            topics=self.topics,
            recorder=self.recorder,
            outputs=self.outputs,
            intake=ConsumerIntake(app),
            metrics=self.metrics,
            clock=self.clock,
            reference_data=self.reference_data,
            push_sends=self.push_sends,
            window_max_records=self.settings.window_max_records,
            guard=self._guard,
            failpoints=self.failpoints,
        )
        self.stages = build_stages(shop, lambda: self.ports, lambda: self.dispatcher)

    @property
    def is_open(self) -> bool:
        """Whether the worker booted so far that its ports are there."""
        return self._ports is not None

    @property
    def guard(self) -> PoisonPillDetector:
        return _booted(self._guard)

    @property
    def push_sends(self) -> PushSends:
        return _booted(self._push_sends)

    @property
    def ports(self) -> Ports:
        return _booted(self._ports)

    @property
    def dispatcher(self) -> Dispatcher:
        return _booted(self._dispatcher)

    @property
    def loader(self) -> ReferenceDataLoader:
        return _booted(self._loader)

    async def open(self) -> None:
        self.recorder.partitions = await self.outputs.partition_count(self.topics.source.name)
        self._ports = await self._outside.open_ports(self.settings, self.clock, self.metrics, self._closing)
        self._dispatcher = Dispatcher(
            throttle=self._ports.throttle,
            sender=self._ports.push_sender,
            push_sends=self.push_sends,
            kill_switches=self.kill_switches,
            sent=Reason.WOULD_PUSH if self.settings.dry_run else Reason.PUSHED,
            clock=self.clock,
            incarnation=self.incarnation,
            lease_left=timedelta(seconds=self.settings.lease_left_to_attempt_seconds),
            claim_numbers=itertools.count(1),
            failpoints=self.failpoints,
        )
        self._loader = ReferenceDataLoader(
            self._ports.object_store, self._reload_policy(), self.reference_data, self.clock, self.metrics
        )

    async def close(self) -> None:
        await self._closing.aclose()
        await asyncio.to_thread(self.datadog.close)

    async def drain(self) -> None:
        """Give all stages the same time to finish; what they do not finish comes again, here or elsewhere."""
        self.is_draining = True
        await asyncio.gather(*(stage.drain(self.settings.drain_seconds) for stage in self.stages.values()))

    def resume(self) -> None:
        """A new assignment begins."""
        self.is_draining = False
        for stage in self.stages.values():
            stage.resume()

    def _rules_version(self) -> str | None:
        return self.reference_data.freshness["rules"].version

    def _reload_policy(self) -> ReloadPolicy:
        settings = self.settings
        return ReloadPolicy(
            rules_key=settings.s3_rules_key,
            merchants_key=settings.s3_merchants_key,
            max_rules_bytes=settings.max_rules_bytes,
            max_bad_lines=settings.max_bad_merchant_lines,
        )


class AdapterLifecycle(Service):
    """Opens the adapters before anything is consumed, and closes them after everything was."""

    def __init__(self, house: House) -> None:
        super().__init__()
        self._house = house

    async def on_start(self) -> None:
        await self._house.open()

    async def on_stop(self) -> None:
        await self._house.close()


class AwaitReferenceData(Service):
    """Holds the boot until the first rules and merchants are there; a worker that is stopped meanwhile stops."""

    def __init__(self, house: House) -> None:
        super().__init__()
        self._house = house

    async def on_start(self) -> None:
        await self.wait(self._house.loader.wait_until_loaded(FIRST_LOOK_PAUSE_SECONDS))


def _booted(part: Part | None) -> Part:
    if part is None:
        raise RuntimeError("the worker has not booted yet")
    return part
