"""Metrics that remember when: for the page's last minutes."""

from datetime import timedelta

import pytest

from saving_alerts.adapters.metrics_by_time import MetricsByTime
from saving_alerts.domain.decisions import Stage
from saving_alerts.domain.history import DEAD_LETTERS, READ, Deployment, Resolution
from saving_alerts.domain.reasons import Reason
from saving_alerts.metrics import FORWARDED, Metric
from tests.support.fakes.clock import FakeClock

MINUTE = timedelta(minutes=1)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def metrics(clock: FakeClock) -> MetricsByTime:
    return MetricsByTime(clock.now)


def test_events_their_ends_and_dead_letters_are_counted(metrics: MetricsByTime, clock: FakeClock) -> None:
    metrics.count(Metric.EVENTS_READ, 5)
    metrics.count(Metric.STAGE_OUT, 3, stage=Stage.VALIDATE, decision=FORWARDED)
    metrics.count(Metric.STAGE_OUT, 2, stage=Stage.VALIDATE, decision=Reason.INVALID)
    metrics.count(Metric.STAGE_OUT, 1, stage=Stage.QUERY_COUPONS, decision=Reason.INVALID)
    metrics.count(Metric.DEAD_LETTERS, 1, stage=Stage.VALIDATE)
    metrics.count(Metric.HEARTBEAT)

    counts = Deployment((metrics.history("a"),), clock.now()).counts(Resolution.MINUTE, 60)

    assert counts == {READ: 5, "invalid": 3, DEAD_LETTERS: 1}


def test_percentiles_are_of_the_last_five_minutes(metrics: MetricsByTime, clock: FakeClock) -> None:
    for _ in range(100):
        metrics.observe(Metric.STAGE_DURATION, 60.0, stage=Stage.VALIDATE)
    clock.advance(6 * MINUTE)
    for _ in range(99):
        metrics.observe(Metric.STAGE_DURATION, 0.010, stage=Stage.VALIDATE)
    metrics.observe(Metric.STAGE_DURATION, 2.0, stage=Stage.VALIDATE)

    p50, p99, most = metrics.quantiles(Stage.VALIDATE, (0.5, 0.99, 1.0))

    assert p50 == pytest.approx(0.010, rel=0.1)
    assert p99 == pytest.approx(0.010, rel=0.1)
    assert most == pytest.approx(2.0, rel=0.1)


def test_where_nothing_happened_lately_there_is_no_percentile(metrics: MetricsByTime, clock: FakeClock) -> None:
    metrics.observe(Metric.STAGE_DURATION, 1.0, stage=Stage.VALIDATE)
    clock.advance(6 * MINUTE)

    assert metrics.quantiles(Stage.VALIDATE, (0.5,)) == (None,)
    assert metrics.quantiles(Stage.DISPATCH_PUSH, (0.5,)) == (None,)


@pytest.mark.parametrize("odd", [0.0, -1.0, float("nan"), float("inf"), 1e300])
def test_an_odd_duration_hurts_nobody(metrics: MetricsByTime, odd: float) -> None:
    metrics.observe(Metric.STAGE_DURATION, odd, stage=Stage.VALIDATE)
    metrics.quantiles(Stage.VALIDATE, (0.5,))
