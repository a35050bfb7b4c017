"""Gathers what one worker knows about itself and the cluster, for its page and for its heartbeat."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from itertools import chain
from operator import attrgetter
from typing import Any

from faust.types import TP

from saving_alerts import __version__
from saving_alerts.adapters.in_memory_metrics import InMemoryMetrics
from saving_alerts.delivery.held_back import HeldBack
from saving_alerts.dependencies import REDIS, State
from saving_alerts.domain.funnel import funnel
from saving_alerts.domain.kill_switches import standing_at
from saving_alerts.domain.stopped_pushes import taken_back
from saving_alerts.metrics import Metric
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.ports.heartbeats import WorkerRow
from saving_alerts.reference_data.loader import MERCHANTS
from saving_alerts.supervision.health import (
    Condition,
    all_required_hold,
)
from saving_alerts.web.canary import canary_seen
from saving_alerts.web.flows import flows, totals_of
from saving_alerts.web.stats import (
    PartitionLag,
    Stats,
    asks_avoided,
    dead_letters_by_reason,
    decisions_of,
    documents,
    stage_numbers,
    when_errors,
)
from saving_alerts.web.switches import switches
from saving_alerts.web.verdict import Missed, verdict
from saving_alerts.worker.conditions import AssignedApp, WorkerConditions, problems_of, source_partitions
from saving_alerts.worker.deployment_view import DeploymentView
from saving_alerts.worker.runtime import WorkerRuntime

ROWS_LIVE_FOR_BEATS = 3
# A record that is in work for less time is nothing to look at: every partition has one now and then.
HELD_BACK_SHOWN = timedelta(seconds=5)


class SelfReport:
    """One worker, as seen by itself."""

    def __init__(self, app: AssignedApp, runtime: WorkerRuntime) -> None:
        self._app = app
        self._runtime = runtime
        self._conditions = WorkerConditions(app, runtime)
        self.deployment = DeploymentView(runtime, self.lag)

    @property
    def metrics(self) -> InMemoryMetrics:
        return self._runtime.in_memory_metrics

    def live(self) -> list[Condition]:
        """What the watchdog sees. That this answers says as much: the event loop turns."""
        return [Condition("event_loop", ok=True, detail="answers"), *self._app.watchdog.conditions()]

    def conditions(self) -> list[Condition]:
        """Everything that can be the matter, each by name, with since when and why."""
        return self._conditions.now(self.deployment.untaken(self._owned()))

    def partitions(self) -> list[int]:
        """The source partitions that this worker works on."""
        return source_partitions(self._app, self._runtime)

    def lag(self) -> list[PartitionLag]:
        """Of what the stages read. The Table's changelog is no work, and other workers' partitions are in it."""
        monitor, inputs = self._app.monitor, {topic.name for topic in self._runtime.topics.inputs.values()}
        return [
            PartitionLag(tp.topic, tp.partition, self._committed(tp), monitor.tp_end_offsets.get(tp))
            for tp in sorted(self._app.assignment_now())
            if tp.topic in inputs
        ]

    def _committed(self, tp: TP) -> int | None:
        """Before the first commit of ours: where the partition stood when it came. Who never commits has a lag, too."""
        committed = self._app.monitor.tp_committed_offsets.get(tp)
        return self._runtime.detector.taken_over_at((tp.topic, tp.partition)) if committed is None else committed

    def held_back(self) -> list[HeldBack]:
        """The partitions with an unfinished record, the one that waits longest first."""
        stages = self._runtime.stages.values()
        return sorted(chain.from_iterable(stage.held_back() for stage in stages), key=attrgetter("since"))

    def away(self) -> int:
        """How many workers do not answer, or ended without a word, as of the last look at the others."""
        return len(self.deployment.silent) + len(self.deployment.gone)

    def switches_on(self) -> int:
        """How many kill switches are on now."""
        return len(standing_at(self._runtime.kill_switches.listed, self._runtime.clock.now()))

    def row(self) -> WorkerRow:
        """What this worker reports to the others, in its heartbeat."""
        runtime, data = self._runtime, self._runtime.reference_data.freshness
        conditions = self.conditions()
        return WorkerRow(
            name=runtime.settings.worker_name,
            incarnation=runtime.incarnation,
            started_at=runtime.started_at,
            beaten_at=runtime.clock.now(),
            page=runtime.settings.page_url or f"http://{runtime.settings.web_host}:{runtime.settings.web_port}",
            version=__version__,
            rules_version=runtime.reference_data.rules_version(runtime.clock.now()),
            merchants_version=data[MERCHANTS].version,
            partitions=tuple(self.partitions()),
            in_flight=sum(stage.in_flight for stage in runtime.stages.values()),
            ready=all_required_hold(conditions),
            decisions=decisions_of(runtime.in_memory_metrics),
            events_read=runtime.in_memory_metrics.total(Metric.EVENTS_READ),
            kill_switches=runtime.kill_switches.next_offset,
            member=self._app.member_id(),
            problems=problems_of(conditions),
            canary=runtime.canary_id,
            evidence=runtime.canary.evidence,
            owned=self._owned(),
        )

    def _owned(self) -> dict[str, tuple[int, ...]]:
        found: dict[str, list[int]] = {}
        inputs = {topic.name for topic in self._runtime.topics.inputs.values()}
        for tp in sorted(self._app.assignment_now()):
            if tp.topic in inputs:
                found.setdefault(tp.topic, []).append(tp.partition)
        return {topic: tuple(numbers) for topic, numbers in found.items()}

    async def beat(self) -> None:
        """Write the row, and see whether claims can be made. Where Redis refuses either, the page says so."""
        lives_for = timedelta(seconds=self._runtime.settings.heartbeat_seconds * ROWS_LIVE_FOR_BEATS)
        if self._runtime.opened is None:
            return
        await self._runtime.opened.clock_watch.compare()
        ports = self._runtime.opened.ports
        history = self._runtime.metrics_by_time.history(self._runtime.incarnation)
        # All, whatever becomes of the others: they see this worker also where nobody may claim.
        asked = (
            ports.throttle.check(),
            ports.heartbeats.beat(self.row(), lives_for),
            ports.histories.write(history),
            self.deployment.look(for_page=False),
        )
        failures = [each for each in await asyncio.gather(*asked, return_exceptions=True) if each is not None]
        state = State.DEGRADED if failures else State.OK
        self._runtime.dependencies.of(REDIS).note(state, str(failures[0]) if failures else "")
        for failure in failures:
            if not isinstance(failure, UnavailableError):
                raise failure

    async def stats(self) -> Stats:
        runtime, now = self._runtime, self._runtime.clock.now()
        view = self.deployment
        await view.look()
        others, silent, gone, counted = view.others, view.silent, view.gone, view.counted(now)
        rows = _ordered([self.row(), *others.rows])
        events_read, decisions = totals_of(counted)
        partitions = view.partitions(rows)
        missed = Missed((*silent, *gone), sum(each.owner is None for each in partitions))
        return Stats(
            verdict=verdict(rows, missed, now),
            flows=flows(counted),
            since=counted.since,
            partitions=partitions,
            partitions_problem=view.partitions_problem,
            gone=gone,
            switches=switches(standing_at(runtime.kill_switches.listed, now)),
            **self._canary((*rows, *silent)),
            at=now,
            funnel=funnel(events_read, decisions),
            decisions=decisions,
            lag=tuple(self.lag()),
            conditions=tuple(self.conditions()),
            documents=documents(runtime.reference_data.freshness, now, view.publications.of),
            cluster=rows,
            silent=silent,
            unreadable_heartbeats=others.unreadable,
            held_back=tuple(each for each in self.held_back() if now - each.since >= HELD_BACK_SHOWN),
            **_of_this_worker(runtime),
        )

    def _canary(self, rows: Sequence[WorkerRow]) -> dict[str, Any]:
        """The fields of `Stats` that are about what is tried."""
        data, now = self._runtime.reference_data, self._runtime.clock.now()
        seen: dict[str, Any] = {"canary_problem": data.canary_problem}
        if data.order is not None:
            switch = taken_back(self._runtime.kill_switches.switches, data.order.id, now)
            seen["canary"] = canary_seen(data.order, switch, rows, now)
        return seen

    async def leave(self) -> None:
        """This worker ends well, so nobody has to wait for it."""
        await self.deployment.close()
        if self._runtime.opened is not None:
            with suppress(UnavailableError):  # then it is silent for a while
                await self._runtime.opened.ports.heartbeats.leave(self._runtime.incarnation)


def _of_this_worker(runtime: WorkerRuntime) -> dict[str, Any]:
    """The fields of `Stats` that are about this worker alone."""
    metrics = runtime.in_memory_metrics
    in_flight = {stage: runner.in_flight for stage, runner in runtime.stages.items()}
    return {
        "started_at": runtime.started_at,
        "worker": runtime.settings.worker_name,
        "version": __version__,
        "stages": stage_numbers(metrics, runtime.metrics_by_time, in_flight),
        "dead_letters": metrics.total(Metric.DEAD_LETTERS),
        "dead_letters_by_reason": dead_letters_by_reason(metrics),
        "asks_avoided": asks_avoided(metrics),
        "when_errors": when_errors(metrics),
        "explains": runtime.settings.explain_token is not None,
    }


def _ordered(rows: Sequence[WorkerRow]) -> tuple[WorkerRow, ...]:
    return tuple(sorted(rows, key=lambda row: (row.name, row.started_at)))
