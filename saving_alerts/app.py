"""The Faust app of one worker: how Faust is configured, and the hooks through which it calls us."""

import itertools
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

import faust
from faust.exceptions import ConsumerNotStarted
from faust.types import TP
from faust.types.auth import CredentialsT
from faust.types.transports import TransportT
from faust.web.base import Web

from saving_alerts import __version__
from saving_alerts.agents import add_agents
from saving_alerts.delivery.batches import batch_scheduler
from saving_alerts.delivery.changelog_producer import ChangelogProducer
from saving_alerts.delivery.consumer import BatchConsumer, BatchTransport
from saving_alerts.delivery.consumer_state import ConsumerState
from saving_alerts.delivery.poison_pills.commit_metadata import Partition
from saving_alerts.delivery.poison_pills.detector import PoisonPillDetector
from saving_alerts.delivery.poison_pills.finished_before import Behind
from saving_alerts.failpoints import Failpoints
from saving_alerts.kafka.access import missing_rights, rights_of_worker
from saving_alerts.ports.clock import Clock
from saving_alerts.settings import Settings
from saving_alerts.supervision.kafka_access import PATIENCE_SECONDS, KafkaAccess
from saving_alerts.supervision.standstill import Patience, Standstill
from saving_alerts.supervision.watchdog import Watchdog
from saving_alerts.web.explain.views import add_explain_views
from saving_alerts.web.page_token import PageToken
from saving_alerts.web.server import LimitedWeb
from saving_alerts.web.views import add_views
from saving_alerts.worker.boot import Boot
from saving_alerts.worker.canary_watch import CanaryWatch
from saving_alerts.worker.clock import SystemClock
from saving_alerts.worker.external_factories import ExternalFactories
from saving_alerts.worker.logs import logging_config
from saving_alerts.worker.runtime import WorkerRuntime
from saving_alerts.worker.self_report import SelfReport
from saving_alerts.worker.shutdown import StoppingWorker
from saving_alerts.worker.timers import Heartbeat, add_timers

# Never. aiokafka leaves the group for good when nothing was fetched for so long, and our intake may stop for as long as
# an API is away. The watchdog ends a worker whose consumer stands still for another reason.
MAX_POLL_INTERVAL_SECONDS = 1e9


# After so long a consumer knows of a topic that was deleted, made again or got more partitions. The driver's own five
# minutes are five minutes in which such a topic is not read.
METADATA_MAX_AGE_MILLISECONDS = 5_000


class SavingAlertsApp(faust.App):
    """A Faust app with our transport and boot order."""

    BootStrategy = Boot
    runtime: WorkerRuntime
    heartbeat: Heartbeat
    canary_watch: CanaryWatch
    watchdog: Watchdog
    kafka_access: KafkaAccess

    def _new_web(self) -> Web:
        return LimitedWeb(self)

    def _new_transport(self) -> TransportT:
        return BatchTransport(self.conf.broker_consumer, self)

    def assignment_now(self) -> frozenset[TP]:
        """The partitions of this worker; empty before it has any."""
        try:
            return frozenset(self.consumer.assignment()) if self.runtime.opened else frozenset()
        except ConsumerNotStarted:
            return frozenset()

    def member_id(self) -> str | None:
        """This worker's member ID in the consumer group; None before it has joined."""
        state = self.consumer_state()
        return state.member_id() if state else None

    def consumer_state(self) -> ConsumerState | None:
        """Of the consumer; None before it is there and while the worker stops."""
        gone = self._consumer is None or self.should_stop
        return None if gone else ConsumerState(cast("BatchConsumer", self._consumer))

    @property
    def drain_seconds(self) -> float:
        return self.runtime.settings.drain_seconds

    @property
    def detector(self) -> PoisonPillDetector:
        return self.runtime.detector

    @property
    def failpoints(self) -> Failpoints:
        return self.runtime.failpoints

    def expect(self, partition: Partition, records: int, size_bytes: int) -> None:
        self.runtime.expect(partition, records, size_bytes)

    def held_back(self) -> Mapping[Partition, Behind]:
        return self.runtime.held_back()

    async def _producer_flush(self, logger: Any) -> None:  # noqa: ANN401, ARG002 - Faust's signature
        """Faust waits for it while partitions are taken away and while the worker stops."""
        if isinstance(self._producer, ChangelogProducer):
            await self._producer.flush_in_time()

    async def drain(self) -> None:
        await self.runtime.drain()

    def resume(self) -> None:
        self.runtime.resume()


def create_app(
    settings: Settings, *, external: ExternalFactories | None = None, clock: Clock | None = None
) -> SavingAlertsApp:
    """The app of one worker. Nothing is opened until it is started."""
    app = SavingAlertsApp(settings.app_id, **_configuration(settings))
    runtime = WorkerRuntime(app, settings, clock or SystemClock(), external or ExternalFactories())
    app.runtime = runtime
    rights = rights_of_worker(runtime.topics, settings.app_id, settings.consent_group)
    app.kafka_access = KafkaAccess(partial(missing_rights, settings.kafka, rights, PATIENCE_SECONDS))
    app.watchdog = Watchdog(_standstill(app, settings).signs())
    report = SelfReport(app, runtime)
    app.heartbeat = Heartbeat(runtime, report)
    app.canary_watch = CanaryWatch(runtime, report.deployment.rows_of_others)
    add_agents(app, runtime.topics, runtime.stage)
    add_timers(app, runtime)
    add_views(app, report, token=PageToken(settings.web_token_file))
    add_explain_views(app, settings)
    return app


def _standstill(app: SavingAlertsApp, settings: Settings) -> Standstill:
    runtime, seconds = app.runtime, settings.standstill_seconds
    return Standstill(
        connection=settings.kafka,
        group=settings.app_id,
        patience=Patience(
            rebalance_seconds=settings.rebalance_timeout_seconds + seconds,
            # A dispatch may wait for the end of a dead owner's lease beyond its deadline.
            overdue_seconds=settings.claim_lease_seconds + seconds,
            unread_seconds=seconds,
        ),
        consumer=app.consumer_state,
        is_settled=lambda: not app.rebalancing,
        pending=lambda: itertools.chain.from_iterable(stage.pending for stage in runtime.stages.values()),
        now=runtime.clock.now,
    )


def _configuration(settings: Settings) -> dict[str, Any]:
    """Faust's settings. With other values it loses events in several ways; `docs/adr/` says which."""
    return {
        **_consumer_configuration(settings),
        **_producer_configuration(),
        "processing_guarantee": "at_least_once",
        # Topics are created by `saving-alerts topics create`; Faust would create them with other settings.
        "topic_allow_declare": False,
        # It elects a worker for timers that run on one worker only: there are none.
        "topic_disable_leader": True,
        "topic_replication_factor": settings.topic_replication_factor,
        "topic_partitions": settings.topic_partitions,
        # Bytes as they are: decoding is the stage's, so that a bad record becomes a decision.
        "key_serializer": "raw",
        "value_serializer": "raw",
        "Worker": StoppingWorker,
        "web_bind": settings.web_host,
        "web_port": settings.web_port,
        # On by default, and they show the Table, which has user ids, to whoever reaches the port.
        "web_tables_enabled": False,
        "web_router_enabled": False,
        # Per port, because two workers on one machine must not share it. With a memory store nothing of worth is in it.
        "datadir": Path(tempfile.gettempdir()) / f"saving-alerts-{settings.web_port}",
        "store": "memory://",
        "logging_config": logging_config(
            settings.log_format,
            settings.log_level,
            {"worker": settings.worker_name, "version": __version__, "group": settings.app_id},
        ),
    }


def _consumer_configuration(settings: Settings) -> dict[str, Any]:
    sources = frozenset(topic.name for topic in settings.topics.inputs.values())
    return {
        "broker": [f"kafka://{server.strip()}" for server in settings.kafka_bootstrap_servers.split(",")],
        "broker_credentials": _credentials(settings),
        # Calls `BatchConsumer.wait_empty` when partitions go; without it what is in work then is lost.
        "stream_wait_empty": True,
        "broker_commit_interval": settings.commit_interval_seconds,
        "broker_session_timeout": settings.session_timeout_seconds,
        "broker_heartbeat_interval": settings.group_heartbeat_seconds,
        "broker_rebalance_timeout": settings.rebalance_timeout_seconds,
        "broker_request_timeout": max(40.0, settings.session_timeout_seconds + 10),
        "broker_max_poll_interval": MAX_POLL_INTERVAL_SECONDS,
        "broker_max_poll_records": settings.poll_max_records,
        "consumer_metadata_max_age_ms": METADATA_MAX_AGE_MILLISECONDS,
        "consumer_max_fetch_size": settings.max_fetch_bytes,
        # A partition without a commit begins where it begins: `latest` would lose what came before the first one.
        "consumer_auto_offset_reset": "earliest",
        "ConsumerScheduler": batch_scheduler(sources, settings.batch_max_records),
    }


def _producer_configuration() -> dict[str, Any]:
    """Of Faust's own producer, which writes the changelog of the Table and nothing else."""
    return {
        "producer_linger": 0.005,  # seconds: several sends at once share a request
        "producer_acks": -1,  # all in-sync replicas, because a send that is forgotten may become a second push
        "producer_request_timeout": 45,  # seconds
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
