"""What is sent with every heartbeat is what the worker knows then: what is over is zero, what is not ours is gone."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from saving_alerts import __version__
from saving_alerts.adapters.in_memory_metrics import InMemoryMetrics
from saving_alerts.delivery.held_back import HeldBack
from saving_alerts.metrics import Metric
from saving_alerts.supervision.health import Condition
from saving_alerts.web.stats import PartitionLag
from saving_alerts.worker.gauges import send_gauges, send_held_back
from saving_alerts.worker.runtime import WorkerRuntime
from tests.support.fakes.clock import START
from tests.support.fakes.unopened_app import unopened_app


@dataclass
class Report:
    """What a worker says of itself."""

    lags: list[PartitionLag] = field(default_factory=list)
    held: list[HeldBack] = field(default_factory=list)
    ok: bool = True
    workers_away: int = 0
    switches: int = 0

    def live(self) -> list[Condition]:
        return [Condition("intake", ok=self.ok, detail="")]

    def conditions(self) -> list[Condition]:
        return [Condition("redis", ok=self.ok, detail="NOPERM", required=False)]

    def lag(self) -> list[PartitionLag]:
        return self.lags

    def held_back(self) -> list[HeldBack]:
        return self.held

    def away(self) -> int:
        return self.workers_away

    def switches_on(self) -> int:
        return self.switches


@pytest.fixture
def runtime() -> WorkerRuntime:
    return unopened_app().runtime


def gauge(runtime: WorkerRuntime, metric: Metric, **tags: str) -> float | None:
    metrics: InMemoryMetrics = runtime.in_memory_metrics
    return metrics.gauges(metric).get(tuple(sorted(tags.items())))


def test_lag_is_that_of_the_partitions_that_are_ours_now(runtime: WorkerRuntime) -> None:
    send_gauges(runtime, Report(lags=[PartitionLag("events", 0, 5, 12), PartitionLag("events", 1, 5, 5)]))
    assert gauge(runtime, Metric.COMMITS_LAG, topic="events", partition="0") == 7
    assert gauge(runtime, Metric.COMMITS_LAG, topic="events", partition="1") == 0

    send_gauges(runtime, Report(lags=[PartitionLag("events", 1, 5, 8), PartitionLag("events", 2, None, 8)]))

    assert runtime.in_memory_metrics.gauges(Metric.COMMITS_LAG) == {(("partition", "1"), ("topic", "events")): 3}


def test_workers_that_are_away_and_switches_that_are_on_are_told_and_zero_when_it_is_over(
    runtime: WorkerRuntime,
) -> None:
    send_gauges(runtime, Report(workers_away=2, switches=1))
    assert (gauge(runtime, Metric.WORKERS_AWAY), gauge(runtime, Metric.KILL_SWITCHES_ON)) == (2, 1)

    send_gauges(runtime, Report())

    assert (gauge(runtime, Metric.WORKERS_AWAY), gauge(runtime, Metric.KILL_SWITCHES_ON)) == (0, 0)


@pytest.mark.parametrize("ok", [True, False])
def test_every_condition_is_a_number(runtime: WorkerRuntime, *, ok: bool) -> None:
    send_gauges(runtime, Report(ok=ok))

    assert gauge(runtime, Metric.CONDITION_OK, condition="redis") == int(ok)
    assert gauge(runtime, Metric.CONDITION_OK, condition="intake") == int(ok)


def test_a_refused_document_is_told_until_it_is_confirmed(runtime: WorkerRuntime) -> None:
    runtime.reference_data.refuse("rules", "$.rules[0]: unknown field")
    send_gauges(runtime, Report())
    assert gauge(runtime, Metric.REFERENCE_DATA_REFUSED, kind="rules") == 1
    assert gauge(runtime, Metric.REFERENCE_DATA_REFUSED, kind="merchants") == 0

    runtime.reference_data.confirm("rules", START - timedelta(seconds=20))
    send_gauges(runtime, Report())

    assert gauge(runtime, Metric.REFERENCE_DATA_REFUSED, kind="rules") == 0
    assert gauge(runtime, Metric.REFERENCE_DATA_AGE, kind="rules") == 20


def test_the_oldest_record_in_work_is_told_for_each_stage_and_zero_where_there_is_none() -> None:
    metrics = InMemoryMetrics()
    taken, written = START - timedelta(seconds=9), START - timedelta(seconds=30)
    older = HeldBack("query_coupons", "t", 3, 7, taken, 24, "the Coupon API", is_stopped=False, written_at=written)
    newer = HeldBack("query_coupons", "t", 4, 7, START, 5, "the Coupon API", is_stopped=False)

    send_held_back(metrics, ["validate", "query_coupons"], [older, newer], START)

    in_work, idle = (("stage", "query_coupons"),), (("stage", "validate"),)
    assert metrics.gauges(Metric.UNDECIDED_AGE) == {in_work: 30, idle: 0}
    assert metrics.gauges(Metric.HELD_BACK_AGE) == {in_work: 9, idle: 0}
    assert metrics.gauges(Metric.HELD_BACK_RECORDS) == {in_work: 24, idle: 0}


def test_who_this_is(runtime: WorkerRuntime) -> None:
    send_gauges(runtime, Report())

    assert gauge(runtime, Metric.BUILD_INFO, version=__version__, worker="worker-1") == 1
    assert gauge(runtime, Metric.TABLE_USERS) == 0
    assert runtime.in_memory_metrics.total(Metric.HEARTBEAT) == 1
