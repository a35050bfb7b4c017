"""The Faust app of one worker, and the order in which it boots.

Boot order: web server · stuck loop · output producer · adapters · heartbeat · kill switches · first rules and
merchants · watchdog · consumer.
Children start one after the other and stop in reverse. So `/health/ready` answers while the first rules are awaited,
nothing is consumed before they are there, and the output producer outlives the last commit.
"""

import itertools
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import faust
from faust.app.base import BootStrategy
from faust.exceptions import ConsumerNotStarted
from faust.types import TP
from faust.types.auth import CredentialsT
from faust.types.transports import TransportT
from faust.web import drivers as web_drivers
from faust.web.base import Web
from mode import ServiceT

from saving_alerts.agents import add_agents
from saving_alerts.delivery.batches import batch_scheduler
from saving_alerts.delivery.consumer import BatchConsumer, BatchTransport
from saving_alerts.delivery.poison_pills.detector import PoisonPillDetector
from saving_alerts.failpoints import Failpoints
from saving_alerts.ports.clock import Clock
from saving_alerts.settings import Settings
from saving_alerts.supervision.standstill import Patience, Standstill
from saving_alerts.supervision.stuck_loop import StuckLoop
from saving_alerts.supervision.watchdog import Watchdog
from saving_alerts.web.views import add_views
from saving_alerts.worker.clock import SystemClock
from saving_alerts.worker.logs import logging_config
from saving_alerts.worker.runtime import AdapterLifecycle, AwaitReferenceData, ExternalFactories, House
from saving_alerts.worker.self_report import SelfReport
from saving_alerts.worker.shutdown import StoppingWorker
from saving_alerts.worker.timers import Heartbeat, add_timers

NEVER_SECONDS = 1e9


class _Boot(BootStrategy):
    """Our services start before the consumer, so that whatever an event needs is there before the first one."""

    def kafka_consumer(self) -> Iterable[ServiceT]:
        app = cast("SavingAlertsApp", self.app)
        house = app.house
        stuck_loop = StuckLoop(house.settings.standstill_seconds)
        known = [house.kill_switches, AwaitReferenceData(house)]
        ours = [stuck_loop, house.outputs, AdapterLifecycle(house), app.heartbeat, *known, app.watchdog]
        return [*ours, *super().kafka_consumer()]


class SavingAlertsApp(faust.App):
    """A Faust app with our transport and boot order."""

    BootStrategy = _Boot
    house: House
    heartbeat: Heartbeat
    watchdog: Watchdog

    def _new_web(self) -> Web:
        """Without Faust's own index, which says OK whatever happens: `/` is ours."""
        driver = web_drivers.by_url(self.conf.web)
        return cast("Web", type("WebWithoutIndex", (driver,), {"production_blueprints": []})(self))

    def _new_transport(self) -> TransportT:
        return BatchTransport(self.conf.broker_consumer, self)

    def assignment_now(self) -> frozenset[TP]:
        """The partitions of this worker; empty before it has any."""
        try:
            return frozenset(self.consumer.assignment()) if self.house.is_open else frozenset()
        except ConsumerNotStarted:
            return frozenset()

    def consumer_now(self) -> BatchConsumer | None:
        """The consumer; None before it is there and while the worker stops."""
        return None if self._consumer is None or self.should_stop else cast("BatchConsumer", self._consumer)

    @property
    def drain_seconds(self) -> float:
        return self.house.settings.drain_seconds

    @property
    def guard(self) -> PoisonPillDetector:
        return self.house.guard

    @property
    def failpoints(self) -> Failpoints:
        return self.house.failpoints

    async def drain(self) -> None:
        await self.house.drain()

    def resume(self) -> None:
        self.house.resume()


def create_app(
    settings: Settings, *, outside: ExternalFactories | None = None, clock: Clock | None = None
) -> SavingAlertsApp:
    """The app of one worker. Nothing is opened until it is started."""
    house = House(settings, clock or SystemClock(), outside or ExternalFactories())
    app = SavingAlertsApp(settings.app_id, **_configuration(settings, house))
    app.house = house
    house.furnish(app)
    app.watchdog = Watchdog(_standstill(app, settings).signs())
    add_agents(app, house.topics, house.stages)
    worker = SelfReport(app, house)
    app.heartbeat = Heartbeat(house, worker)
    add_timers(app, house)
    add_views(app, worker)
    return app


def _standstill(app: SavingAlertsApp, settings: Settings) -> Standstill:
    house, seconds = app.house, settings.standstill_seconds
    return Standstill(
        connection=settings.kafka,
        group=settings.app_id,
        patience=Patience(
            rebalance_seconds=settings.rebalance_timeout_seconds + seconds,
            # A dispatch may wait for the end of a dead owner's lease beyond its deadline.
            overdue_seconds=settings.claim_lease_seconds + seconds,
            unread_seconds=seconds,
        ),
        consumer=app.consumer_now,
        is_settled=lambda: not app.rebalancing,
        waiting=lambda: itertools.chain.from_iterable(stage.waiting for stage in house.stages.values()),
        now=house.clock.now,
    )


def _configuration(settings: Settings, house: House) -> dict[str, Any]:
    """What Faust is told. It loses events in several ways with other values; `docs/adr/` says which."""
    sources = frozenset(topic.name for topic in house.topics.inputs.values())
    return {
        "broker": [f"kafka://{server.strip()}" for server in settings.kafka_bootstrap_servers.split(",")],
        "broker_credentials": _credentials(settings),
        "processing_guarantee": "at_least_once",
        "stream_wait_empty": True,
        "broker_commit_interval": settings.commit_interval_seconds,
        "broker_session_timeout": settings.session_timeout_seconds,
        "broker_heartbeat_interval": settings.group_heartbeat_seconds,
        "broker_rebalance_timeout": settings.rebalance_timeout_seconds,
        "broker_request_timeout": max(40.0, settings.session_timeout_seconds + 10),
        "broker_max_poll_interval": NEVER_SECONDS,
        "broker_max_poll_records": settings.poll_max_records,
        "consumer_max_fetch_size": settings.max_fetch_bytes,
        "consumer_auto_offset_reset": "earliest",
        "producer_linger": 0.005,
        "producer_acks": -1,
        "producer_request_timeout": 45,
        "ConsumerScheduler": batch_scheduler(sources, settings.batch_max_records),
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "topic_replication_factor": settings.topic_replication_factor,
        "topic_partitions": settings.topic_partitions,
        "key_serializer": "raw",
        "value_serializer": "raw",
        "Worker": StoppingWorker,
        "web_bind": settings.web_host,
        "web_port": settings.web_port,
        "web_tables_enabled": False,
        "web_router_enabled": False,
        "datadir": Path(tempfile.gettempdir()) / f"saving-alerts-{settings.web_port}",
        "store": "memory://",
        "logging_config": logging_config(settings.log_format),
    }


def _credentials(settings: Settings) -> CredentialsT | None:
    connection = settings.kafka
    ssl_context = connection.ssl_context()
    if settings.kafka_security_protocol.startswith("SASL"):
        return faust.SASLCredentials(
            username=connection.sasl_username,
            password=connection.sasl_password,
            mechanism=connection.sasl_mechanism,
            ssl_context=ssl_context,
        )
    return faust.SSLCredentials(context=ssl_context) if ssl_context else None
