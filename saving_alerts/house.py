"""Everything one worker is made of, and how it is opened, drained and closed."""

import asyncio
import itertools
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import TypeVar

import faust
from aiokafka import AIOKafkaProducer
from mode import Service

from saving_alerts.adapters.datadog import metrics_to
from saving_alerts.connections import Ports
from saving_alerts.delivery.intake import ConsumerIntake
from saving_alerts.delivery.outputs import OutputProducer
from saving_alerts.delivery.recorder import Recorder
from saving_alerts.dispatch import Dispatcher
from saving_alerts.domain.decisions import Stage
from saving_alerts.metrics import Metrics
from saving_alerts.ports import Clock
from saving_alerts.reference_data import ReferenceData
from saving_alerts.reload import ReferenceDataLoader, ReloadPolicy
from saving_alerts.settings import Settings
from saving_alerts.stages import AnyStage, Workshop, build_stages
from saving_alerts.tally import Both, Tally
from saving_alerts.topics import Topics

OUTPUT_BATCH_BYTES = 512 * 1024
OUTPUT_REQUEST_TIMEOUT_MILLISECONDS = 45_000
FIRST_LOOK_PAUSE_SECONDS = 1.0

Part = TypeVar("Part")
OpenPorts = Callable[[Settings, Clock, Metrics, AsyncExitStack], Awaitable[Ports]]


class House:
    """One worker's parts. `ports`, `dispatcher` and `loader` exist from boot on, everything else at once."""

    def __init__(self, settings: Settings, clock: Clock, open_ports: OpenPorts) -> None:
        self.settings = settings
        self.clock = clock
        self.started_at: datetime = clock.now()
        self.incarnation = uuid.uuid4().hex
        self.topics = Topics.named(settings.source_topic, settings.topic_prefix)
        self.tally = Tally()
        self.datadog = metrics_to(settings.statsd_host, settings.statsd_port, {"worker": settings.worker_name})
        self.metrics: Metrics = Both(self.tally, self.datadog)
        self.reference_data = ReferenceData()
        self.outputs = OutputProducer(self._new_producer, self.metrics)
        self.recorder = Recorder(self.topics, settings.worker_name, clock, self.metrics, self._rules_version)
        self.stages: dict[Stage, AnyStage] = {}
        self.is_draining = False
        self._open_ports = open_ports
        self._ports: Ports | None = None
        self._dispatcher: Dispatcher | None = None
        self._loader: ReferenceDataLoader | None = None
        self._closing = AsyncExitStack()

    def furnish(self, app: faust.App) -> None:
        """Build the stages, which need the app's consumer for their flow control."""
        shop = Workshop(
            topics=self.topics,
            recorder=self.recorder,
            outputs=self.outputs,
            intake=ConsumerIntake(app),
            metrics=self.metrics,
            clock=self.clock,
            reference_data=self.reference_data,
            window_max_records=self.settings.window_max_records,
        )
        self.stages = build_stages(shop, lambda: self.ports, lambda: self.dispatcher)

    @property
    def is_open(self) -> bool:
        """Whether the worker booted so far that its ports are there."""
        return self._ports is not None

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
        self._ports = await self._open_ports(self.settings, self.clock, self.metrics, self._closing)
        self._dispatcher = Dispatcher(
            throttle=self._ports.throttle,
            sender=self._ports.push_sender,
            clock=self.clock,
            incarnation=self.incarnation,
            lease_left=timedelta(seconds=self.settings.lease_left_to_attempt_seconds),
            claim_numbers=itertools.count(1),
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

    def _new_producer(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            **self.settings.kafka.options(),
            acks="all",
            enable_idempotence=True,
            max_batch_size=OUTPUT_BATCH_BYTES,
            request_timeout_ms=OUTPUT_REQUEST_TIMEOUT_MILLISECONDS,
        )

    def _reload_policy(self) -> ReloadPolicy:
        settings = self.settings
        return ReloadPolicy(
            rules_key=settings.s3_rules_key,
            merchants_key=settings.s3_merchants_key,
            max_rules_bytes=settings.max_rules_bytes,
            max_bad_lines=settings.max_bad_merchant_lines,
        )


class Opening(Service):
    """Opens the adapters before anything is consumed, and closes them after everything was."""

    def __init__(self, house: House) -> None:
        super().__init__()
        self._house = house

    async def on_start(self) -> None:
        await self._house.open()

    async def on_stop(self) -> None:
        await self._house.close()


class FirstReferenceData(Service):
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
