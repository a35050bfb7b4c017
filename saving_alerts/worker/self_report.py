"""Gathers what one worker knows about itself and the cluster, for its page and for its heartbeat."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from faust.sensors import Monitor
from faust.types import TP

from saving_alerts import __version__
from saving_alerts.adapters.in_memory_metrics import InMemoryMetrics
from saving_alerts.domain.funnel import funnel
from saving_alerts.metrics import Metric
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.ports.heartbeats import WorkerRow
from saving_alerts.reference_data.loader import MERCHANTS, RULES
from saving_alerts.supervision.health import (
    Condition,
    all_required_hold,
    breaker,
    drain,
    fresh,
    group,
    kafka_access,
    kill_switches,
    loaded,
    pushes,
    redis,
)
from saving_alerts.web.stats import (
    PartitionLag,
    Stats,
    asks_avoided,
    decisions_of,
    documents,
    stage_numbers,
    totals_of,
    when_errors,
)
from saving_alerts.worker.runtime import WorkerRuntime

ROWS_LIVE_FOR_BEATS = 3
CLUSTER_CACHE = timedelta(seconds=1)


class Watched(Protocol):
    """The watchdog, as far as the page asks it."""

    def conditions(self) -> list[Condition]: ...


class HasProblem(Protocol):
    """What watches our access to Kafka, as far as the page asks it."""

    problem: str | None


class AssignedApp(Protocol):
    """What is asked of the Faust app."""

    rebalancing: bool
    consumer_generation_id: int
    monitor: Monitor

    @property
    def watchdog(self) -> Watched: ...

    @property
    def kafka_access(self) -> HasProblem: ...

    def assignment_now(self) -> frozenset[TP]: ...


class SelfReport:
    """One worker, as seen by itself. `redis_error` is what the last heartbeat met."""

    def __init__(self, app: AssignedApp, runtime: WorkerRuntime) -> None:
        self._app = app
        self._runtime = runtime
        self._cluster: tuple[WorkerRow, ...] = ()
        self._cluster_at = runtime.started_at - CLUSTER_CACHE
        self.redis_error: str | None = "not asked yet"

    @property
    def metrics(self) -> InMemoryMetrics:
        return self._runtime.in_memory_metrics

    def live(self) -> list[Condition]:
        """What the watchdog sees. That this answers says as much: the event loop turns."""
        return [Condition("event_loop", ok=True, detail="answers"), *self._app.watchdog.conditions()]

    def conditions(self) -> list[Condition]:
        """Everything that can be the matter, each by name."""
        runtime, data = self._runtime, self._runtime.reference_data.freshness
        now, stale = runtime.clock.now(), runtime.settings.reference_data_stale_seconds
        partitions = self.partitions()
        return [
            loaded(RULES, data[RULES]),
            loaded(MERCHANTS, data[MERCHANTS]),
            fresh(RULES, data[RULES], now, stale),
            fresh(MERCHANTS, data[MERCHANTS], now, stale),
            group(joined=self._has_joined(), rebalancing=self._app.rebalancing, partitions=len(partitions)),
            kafka_access(self._app.kafka_access.problem),
            drain(draining=runtime.is_draining),
            kill_switches(runtime.kill_switches.next_offset, runtime.kill_switches.switches.values()),
            pushes(dry_run=runtime.settings.dry_run),
            redis(self.redis_error),
            breaker("coupon_api", is_open=self._is_open(Metric.COUPON_API_BREAKER)),
            breaker("push_api", is_open=self._is_open(Metric.PUSH_API_BREAKER)),
        ]

    def partitions(self) -> list[int]:
        """The source partitions that this worker works on."""
        source = self._runtime.topics.source.name
        return sorted(tp.partition for tp in self._app.assignment_now() if tp.topic == source)

    def lag(self) -> list[PartitionLag]:
        """Of what the stages read. The Table's changelog is no work, and other workers' partitions are in it."""
        monitor, inputs = self._app.monitor, {topic.name for topic in self._runtime.topics.inputs.values()}
        return [
            PartitionLag(tp.topic, tp.partition, monitor.tp_committed_offsets.get(tp), monitor.tp_end_offsets.get(tp))
            for tp in sorted(self._app.assignment_now())
            if tp.topic in inputs
        ]

    def row(self) -> WorkerRow:
        """What this worker reports to the others, in its heartbeat."""
        runtime, data = self._runtime, self._runtime.reference_data.freshness
        return WorkerRow(
            name=runtime.settings.worker_name,
            incarnation=runtime.incarnation,
            started_at=runtime.started_at,
            beaten_at=runtime.clock.now(),
            page=runtime.settings.page_url or f"http://{runtime.settings.web_host}:{runtime.settings.web_port}",
            version=__version__,
            rules_version=data[RULES].version,
            merchants_version=data[MERCHANTS].version,
            partitions=tuple(self.partitions()),
            in_flight=sum(stage.in_flight for stage in runtime.stages.values()),
            ready=all_required_hold(self.conditions()),
            decisions=decisions_of(runtime.in_memory_metrics),
            events_read=runtime.in_memory_metrics.total(Metric.EVENTS_READ),
            kill_switches=runtime.kill_switches.next_offset,
        )

    async def beat(self) -> None:
        """Write the row. Without Redis the others do not see this worker, and its page says so."""
        lives_for = timedelta(seconds=self._runtime.settings.heartbeat_seconds * ROWS_LIVE_FOR_BEATS)
        if self._runtime.opened is None:
            return
        try:
            await self._runtime.opened.ports.heartbeats.beat(self.row(), lives_for)
            self.redis_error = None
        except UnavailableError as error:
            self.redis_error = str(error)

    async def stats(self) -> Stats:
        runtime, now = self._runtime, self._runtime.clock.now()
        rows = await self._rows()
        events_read, decisions = totals_of(rows)
        return Stats(
            worker=runtime.settings.worker_name,
            version=__version__,
            at=now,
            funnel=funnel(events_read, decisions),
            decisions=decisions,
            stages=stage_numbers(
                runtime.in_memory_metrics, {stage: runner.in_flight for stage, runner in runtime.stages.items()}
            ),
            lag=tuple(self.lag()),
            conditions=tuple(self.conditions()),
            documents=documents(runtime.reference_data.freshness, now),
            dead_letters=runtime.in_memory_metrics.total(Metric.DEAD_LETTERS),
            cluster=rows,
            asks_avoided=asks_avoided(runtime.in_memory_metrics),
            when_errors=when_errors(runtime.in_memory_metrics),
        )

    async def _rows(self) -> tuple[WorkerRow, ...]:
        """All workers, this one first-hand; asked at most once a second."""
        now = self._runtime.clock.now()
        if now - self._cluster_at >= CLUSTER_CACHE:
            self._cluster_at = now
            self._cluster = await self._others()
        return _ordered([self.row(), *self._cluster])

    async def _others(self) -> tuple[WorkerRow, ...]:
        if self._runtime.opened is None:
            return ()
        try:
            rows = await self._runtime.opened.ports.heartbeats.workers()
        except UnavailableError as error:
            self.redis_error = str(error)
            return self._cluster
        return tuple(row for row in rows if row.incarnation != self._runtime.incarnation)

    def _has_joined(self) -> bool:
        return self._runtime.opened is not None and self._app.consumer_generation_id > 0

    def _is_open(self, metric: Metric) -> bool:
        return any(value > 0 for value in self.metrics.gauges(metric).values())


def _ordered(rows: Sequence[WorkerRow]) -> tuple[WorkerRow, ...]:
    return tuple(sorted(rows, key=lambda row: (row.name, row.started_at)))
