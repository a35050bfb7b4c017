"""Gathers what one worker knows about itself and the cluster, for its page and for its heartbeat."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from itertools import chain
from operator import attrgetter
from typing import Protocol

from faust.sensors import Monitor
from faust.types import TP

from saving_alerts import __version__
from saving_alerts.adapters.in_memory_metrics import InMemoryMetrics
from saving_alerts.delivery.held_back import HeldBack
from saving_alerts.dependencies import COUPON_API, PUSH_API, REDIS, WAITED_FOR, State
from saving_alerts.domain.funnel import funnel
from saving_alerts.domain.kill_switches import standing_at
from saving_alerts.metrics import Metric
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.ports.heartbeats import Heard, WorkerRow
from saving_alerts.reference_data.loader import MERCHANTS, RULES
from saving_alerts.supervision.health import (
    Condition,
    all_required_hold,
    api,
    clock,
    consent,
    drain,
    fresh,
    group,
    kafka_access,
    kill_switches,
    known,
    loaded,
    pushes,
    redis,
    topics,
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
# A record that is in work for less time is nothing to look at: every partition has one now and then.
HELD_BACK_SHOWN = timedelta(seconds=5)


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

    def member_id(self) -> str | None: ...


class SelfReport:
    """One worker, as seen by itself."""

    def __init__(self, app: AssignedApp, runtime: WorkerRuntime) -> None:
        self._app = app
        self._runtime = runtime
        self._others = Heard()
        self._asked_at = runtime.started_at - CLUSTER_CACHE

    @property
    def metrics(self) -> InMemoryMetrics:
        return self._runtime.in_memory_metrics

    def live(self) -> list[Condition]:
        """What the watchdog sees. That this answers says as much: the event loop turns."""
        return [Condition("event_loop", ok=True, detail="answers"), *self._app.watchdog.conditions()]

    def conditions(self) -> list[Condition]:
        """Everything that can be the matter, each by name, with since when and why."""
        dependencies = self._runtime.dependencies
        dependencies.settle()
        return [known(each, dependencies, self._held_by(each.name)) for each in self._found()]

    def _held_by(self, name: str) -> int:
        """How many events of this worker are in a stage that waits for it."""
        waiting = [runner for stage, runner in self._runtime.stages.items() if name in WAITED_FOR[stage]]
        return sum(runner.in_flight for runner in waiting)

    def _found(self) -> list[Condition]:
        runtime, data = self._runtime, self._runtime.reference_data.freshness
        now, stale = runtime.clock.now(), runtime.settings.reference_data_stale_seconds
        partitions, switches = self.partitions(), runtime.kill_switches
        return [
            loaded(RULES, data[RULES]),
            loaded(MERCHANTS, data[MERCHANTS]),
            fresh(RULES, data[RULES], now, stale),
            fresh(MERCHANTS, data[MERCHANTS], now, stale),
            group(joined=self._has_joined(), rebalancing=self._app.rebalancing, partitions=len(partitions)),
            kafka_access(self._app.kafka_access.problem),
            drain(draining=runtime.is_draining),
            topics(runtime.topics_problem),
            kill_switches(switches.next_offset, standing_at(switches.listed, runtime.clock.now()), switches.problem),
            consent(runtime.consent.report() if runtime.consent else None),
            pushes(dry_run=runtime.settings.dry_run),
            redis(runtime.dependencies.of(REDIS)),
            clock(runtime.opened.clock_watch.judgement() if runtime.opened else None),
            api(runtime.dependencies.of(COUPON_API)),
            api(runtime.dependencies.of(PUSH_API)),
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

    def held_back(self) -> list[HeldBack]:
        """The partitions with an unfinished record, the one that waits longest first."""
        stages = self._runtime.stages.values()
        return sorted(chain.from_iterable(stage.held_back() for stage in stages), key=attrgetter("since"))

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
            member=self._app.member_id(),
        )

    async def beat(self) -> None:
        """Write the row, and see whether claims can be made. Where Redis refuses either, the page says so."""
        lives_for = timedelta(seconds=self._runtime.settings.heartbeat_seconds * ROWS_LIVE_FOR_BEATS)
        if self._runtime.opened is None:
            return
        await self._runtime.opened.clock_watch.compare()
        ports = self._runtime.opened.ports
        # Both, whatever becomes of the other: the others see this worker also where nobody may claim.
        asked = (ports.throttle.check(), ports.heartbeats.beat(self.row(), lives_for))
        failures = [each for each in await asyncio.gather(*asked, return_exceptions=True) if each is not None]
        state = State.DEGRADED if failures else State.OK
        self._runtime.dependencies.of(REDIS).note(state, str(failures[0]) if failures else "")
        for failure in failures:
            if not isinstance(failure, UnavailableError):
                raise failure

    async def stats(self) -> Stats:
        runtime, now = self._runtime, self._runtime.clock.now()
        others = await self._look_at_others()
        rows = _ordered([self.row(), *others.rows])
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
            silent=others.silent,
            unreadable_heartbeats=others.unreadable,
            asks_avoided=asks_avoided(runtime.in_memory_metrics),
            when_errors=when_errors(runtime.in_memory_metrics),
            held_back=tuple(each for each in self.held_back() if now - each.since >= HELD_BACK_SHOWN),
        )

    async def leave(self) -> None:
        """This worker ends well, so nobody has to wait for it."""
        if self._runtime.opened is not None:
            with suppress(UnavailableError):  # then it is silent for a while
                await self._runtime.opened.ports.heartbeats.leave(self._runtime.incarnation)

    async def _look_at_others(self) -> Heard:
        """All other workers; asked at most once a second, and as last known where Redis does not answer."""
        now = self._runtime.clock.now()
        if now - self._asked_at >= CLUSTER_CACHE and self._runtime.opened is not None:
            self._asked_at = now
            try:
                self._others = self._without_us(await self._runtime.opened.ports.heartbeats.heard())
            except UnavailableError as error:
                self._runtime.dependencies.of(REDIS).note(State.DEGRADED, str(error))
        return self._others

    def _without_us(self, heard: Heard) -> Heard:
        ours = self._runtime.incarnation
        rows, silent = ([row for row in rows if row.incarnation != ours] for rows in (heard.rows, heard.silent))
        return Heard(tuple(rows), tuple(silent), heard.unreadable)

    def _has_joined(self) -> bool:
        return self._runtime.opened is not None and self._app.consumer_generation_id > 0


def _ordered(rows: Sequence[WorkerRow]) -> tuple[WorkerRow, ...]:
    return tuple(sorted(rows, key=lambda row: (row.name, row.started_at)))
