"""What is measured at every heartbeat: the gauges of what a worker knows of itself. It never raises.

A gauge that is not sent stays as it was, for whoever reads `/metrics`: so what is over is sent as zero, and what is no
longer ours is forgotten.
"""

from collections.abc import Iterable, Sequence, Sized
from datetime import datetime, timedelta
from typing import Protocol

from saving_alerts import __version__
from saving_alerts.delivery.held_back import HeldBack
from saving_alerts.metrics import Metric, Metrics
from saving_alerts.reference_data.snapshot import Freshness
from saving_alerts.supervision.health import Condition
from saving_alerts.web.stats import PartitionLag, asks_avoided
from saving_alerts.worker.runtime import WorkerRuntime


class Known(Protocol):
    """What is asked of the worker's report of itself."""

    def live(self) -> list[Condition]: ...

    def conditions(self) -> list[Condition]: ...

    def lag(self) -> list[PartitionLag]: ...

    def held_back(self) -> list[HeldBack]: ...

    def away(self) -> int: ...

    def switches_on(self) -> int: ...


def send_gauges(runtime: WorkerRuntime, known: Known) -> None:
    """Everything that is not counted where it happens."""
    metrics, now = runtime.metrics, runtime.clock.now()
    metrics.count(Metric.HEARTBEAT)
    metrics.gauge(Metric.BUILD_INFO, 1, version=__version__, worker=runtime.settings.worker_name)
    avoided = asks_avoided(runtime.in_memory_metrics)
    if avoided is not None:
        metrics.gauge(Metric.COUPON_API_SKIPPED_SHARE, avoided)
    if isinstance(runtime.push_sends, Sized):
        metrics.gauge(Metric.TABLE_USERS, len(runtime.push_sends))
    metrics.gauge(Metric.KILL_SWITCHES_ON, known.switches_on())
    metrics.gauge(Metric.WORKERS_AWAY, known.away())
    for kind, freshness in runtime.reference_data.freshness.items():
        _send_document(metrics, kind, freshness, now)
    _send_conditions(metrics, (*known.live(), *known.conditions()))
    send_held_back(metrics, list(runtime.stages), known.held_back(), now)
    _send_lag(metrics, known.lag())


def _send_document(metrics: Metrics, kind: str, freshness: Freshness, now: datetime) -> None:
    metrics.gauge(Metric.REFERENCE_DATA_REFUSED, int(freshness.refusal is not None), kind=kind)
    if freshness.confirmed_at is not None:
        metrics.gauge(Metric.REFERENCE_DATA_AGE, (now - freshness.confirmed_at).total_seconds(), kind=kind)


def _send_conditions(metrics: Metrics, conditions: Iterable[Condition]) -> None:
    for condition in conditions:
        metrics.gauge(Metric.CONDITION_OK, int(condition.ok), condition=condition.name)
        metrics.gauge(Metric.DEPENDENCY_ILL, int(condition.state.is_ill), dependency=condition.name)
        metrics.gauge(Metric.DEPENDENCY_HELD, condition.held, dependency=condition.name)


def send_held_back(metrics: Metrics, stages: Iterable[str], held_back: Sequence[HeldBack], now: datetime) -> None:
    """Zero where nothing is in work."""
    for stage in stages:
        of_stage = [each for each in held_back if each.stage == stage]
        records = max((each.uncommitted for each in of_stage), default=0)
        metrics.gauge(Metric.HELD_BACK_RECORDS, records, stage=stage)
        metrics.gauge(Metric.HELD_BACK_AGE, _oldest(now - each.since for each in of_stage), stage=stage)
        undecided = (now - each.written_at for each in of_stage if each.written_at is not None)
        metrics.gauge(Metric.UNDECIDED_AGE, _oldest(undecided), stage=stage)


def _oldest(ages: Iterable[timedelta]) -> float:
    """In seconds. A clock that is behind the broker's makes no age negative."""
    return max((timedelta(0), *ages)).total_seconds()


def _send_lag(metrics: Metrics, lags: Iterable[PartitionLag]) -> None:
    """Of the partitions that are ours now, as far as commit and end are known."""
    metrics.forget(Metric.COMMITS_LAG)
    for lag in lags:
        if lag.records is not None:
            metrics.gauge(Metric.COMMITS_LAG, lag.records, topic=lag.topic, partition=str(lag.partition))
