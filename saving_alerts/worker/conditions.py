"""The conditions of one worker, as it finds them now, and what of them the other workers are told."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import chain
from operator import attrgetter
from typing import Protocol

from faust.sensors import Monitor
from faust.types import TP

from saving_alerts.delivery.held_back import HeldBack
from saving_alerts.dependencies import COUPON_API, PUSH_API, REDIS, WAITED_FOR, State
from saving_alerts.domain.decoding import printable
from saving_alerts.domain.kill_switches import standing_at
from saving_alerts.ports.heartbeats import MAX_DETAIL_CHARACTERS, Problem, WorkerRow
from saving_alerts.reference_data.loader import MERCHANTS, RULES
from saving_alerts.supervision.health import (
    TOLD_BY_ADAPTERS,
    Condition,
    api,
    clock,
    consent,
    drain,
    erasures,
    fresh,
    group,
    held_back,
    kafka_access,
    kill_switches,
    known,
    loaded,
    pushes,
    redis,
    topics,
    workers,
)
from saving_alerts.worker.runtime import WorkerRuntime

MAX_ADDRESS_CHARACTERS = 256
# Three times the age at which a push is late: what takes longer is worth a look, and no ordinary event.
HELD_FOR_LONG = timedelta(seconds=30)


class Watched(Protocol):
    """The watchdog, as far as the page asks it."""

    def conditions(self) -> list[Condition]: ...


class HasProblem(Protocol):
    """What watches our access to Kafka, as far as the page asks it."""

    problem: str | None
    since: datetime | None


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


def source_partitions(app: AssignedApp, runtime: WorkerRuntime) -> list[int]:
    """The source partitions that this worker works on."""
    source = runtime.topics.source.name
    return sorted(tp.partition for tp in app.assignment_now() if tp.topic == source)


class WorkerConditions:
    """Everything that can be the matter with one worker."""

    def __init__(self, app: AssignedApp, runtime: WorkerRuntime) -> None:
        self._app = app
        self._runtime = runtime

    def now(self, untaken: Sequence[WorkerRow]) -> list[Condition]:
        """Each by name, with since when and why. What nobody else tells of is noted by this.

        `untaken`: the workers that do not answer, and that still have a partition.
        """
        dependencies = self._runtime.dependencies
        dependencies.settle()
        return [known(each, dependencies, self._held_by(each.name)) for each in self._found(untaken)]

    def _held_by(self, name: str) -> int:
        """How many events of this worker are in a stage that waits for it."""
        waiting = [runner for stage, runner in self._runtime.stages.items() if name in WAITED_FOR[stage]]
        return sum(runner.in_flight for runner in waiting)

    def _found(self, untaken: Sequence[WorkerRow]) -> list[Condition]:
        runtime, data = self._runtime, self._runtime.reference_data.freshness
        now, stale = runtime.clock.now(), runtime.settings.reference_data_stale_seconds
        partitions, switches = source_partitions(self._app, runtime), runtime.kill_switches
        return [
            loaded(RULES, data[RULES]),
            loaded(MERCHANTS, data[MERCHANTS]),
            fresh(RULES, data[RULES], now, stale),
            fresh(MERCHANTS, data[MERCHANTS], now, stale),
            group(joined=self._has_joined(), rebalancing=self._app.rebalancing, partitions=len(partitions)),
            kafka_access(self._app.kafka_access.problem, self._app.kafka_access.since),
            held_back(self._held_for_long(now)),
            workers(untaken),
            drain(draining=runtime.is_draining),
            topics(runtime.topics_problem),
            kill_switches(switches.next_offset, standing_at(switches.listed, runtime.clock.now()), switches.problem),
            consent(runtime.consent.report() if runtime.consent else None),
            erasures(runtime.erasures.report() if runtime.erasures else None),
            pushes(dry_run=runtime.settings.dry_run),
            redis(runtime.dependencies.of(REDIS)),
            clock(runtime.opened.clock_watch.judgement() if runtime.opened else None),
            api(runtime.dependencies.of(COUPON_API)),
            api(runtime.dependencies.of(PUSH_API)),
        ]

    def _held_for_long(self, now: datetime) -> list[HeldBack]:
        """Without those of a stage that waits for somebody who is ill: that is said already."""
        stages, dependencies = self._runtime.stages, self._runtime.dependencies
        blameless = [stage for name, stage in stages.items() if not dependencies.holding(name)]
        held = chain.from_iterable(stage.held_back() for stage in blameless)
        return sorted((each for each in held if now - each.since >= HELD_FOR_LONG), key=attrgetter("since"))

    def _has_joined(self) -> bool:
        return self._runtime.opened is not None and self._app.consumer_generation_id > 0


def problems_of(conditions: Sequence[Condition]) -> tuple[Problem, ...]:
    """What the others are to know: the conditions that are not simply ok."""
    return tuple(_problem(each) for each in conditions if each.state is not State.OK)


def _problem(condition: Condition) -> Problem:
    """What the others are to know of it."""
    told = condition.error.text if condition.error and condition.name in TOLD_BY_ADAPTERS else condition.detail
    return Problem(
        name=condition.name,
        state=condition.state,
        detail=printable(told, MAX_DETAIL_CHARACTERS),
        address=condition.error.address[:MAX_ADDRESS_CHARACTERS] if condition.error else "",
        since=condition.since,
        times=condition.times,
        held=condition.held,
        expired=condition.expired,
        next_try=condition.next_try,
    )
