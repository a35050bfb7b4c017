"""Numbers in memory are what was said; two listeners hear the same."""

import pytest

from saving_alerts.adapters.in_memory_metrics import RECENT_OBSERVATIONS, InMemoryMetrics, Summary, TeeMetrics
from saving_alerts.metrics import Metric

VALIDATE = (("stage", "validate"),)


@pytest.fixture
def metrics() -> InMemoryMetrics:
    return InMemoryMetrics()


def test_counts_are_added_up_by_tags(metrics: InMemoryMetrics) -> None:
    metrics.count(Metric.STAGE_IN, stage="validate")
    metrics.count(Metric.STAGE_IN, 2, stage="validate")
    metrics.count(Metric.STAGE_IN, stage="query_coupons")

    assert metrics.counters(Metric.STAGE_IN) == {VALIDATE: 3, (("stage", "query_coupons"),): 1}


def test_metrics_are_kept_apart(metrics: InMemoryMetrics) -> None:
    metrics.count(Metric.STAGE_IN, stage="validate")

    assert metrics.counters(Metric.DEAD_LETTERS) == {}


def test_the_order_of_tags_means_nothing(metrics: InMemoryMetrics) -> None:
    metrics.count(Metric.STAGE_OUT, stage="validate", decision="pushed")

    metrics.count(Metric.STAGE_OUT, decision="pushed", stage="validate")

    assert metrics.counters(Metric.STAGE_OUT) == {(("decision", "pushed"), ("stage", "validate")): 2}


def test_a_total_is_over_all_tags_that_were_not_asked_for(metrics: InMemoryMetrics) -> None:
    metrics.count(Metric.STAGE_OUT, stage="validate", decision="expired")
    metrics.count(Metric.STAGE_OUT, stage="validate", decision="invalid")
    metrics.count(Metric.STAGE_OUT, stage="query_coupons", decision="expired")

    assert metrics.total(Metric.STAGE_OUT, stage="validate") == 2
    assert metrics.total(Metric.STAGE_OUT) == 3


def test_a_gauge_keeps_its_last_value(metrics: InMemoryMetrics) -> None:
    metrics.gauge(Metric.IN_FLIGHT, 3, stage="validate")
    metrics.gauge(Metric.IN_FLIGHT, 1, stage="validate")

    assert metrics.gauges(Metric.IN_FLIGHT) == {VALIDATE: 1}


def test_a_distribution_is_summed_up(metrics: InMemoryMetrics) -> None:
    for value in range(100, 0, -1):
        metrics.observe(Metric.STAGE_DURATION, value, stage="validate")

    assert metrics.distributions(Metric.STAGE_DURATION) == {VALIDATE: Summary(100, 5050, p50=50, p99=99)}


def test_one_observation_is_every_percentile(metrics: InMemoryMetrics) -> None:
    metrics.observe(Metric.PUSH_API_DURATION, 0.5)

    assert metrics.distributions(Metric.PUSH_API_DURATION) == {(): Summary(1, 0.5, p50=0.5, p99=0.5)}


def test_percentiles_forget_what_is_long_ago(metrics: InMemoryMetrics) -> None:
    for value in [1000.0] * 5 + [1.0] * RECENT_OBSERVATIONS:
        metrics.observe(Metric.PUSH_API_DURATION, value)

    summary = metrics.distributions(Metric.PUSH_API_DURATION)[()]
    assert (summary.count, summary.p99) == (RECENT_OBSERVATIONS + 5, 1.0)


def test_both_hear_every_number() -> None:
    first, second = InMemoryMetrics(), InMemoryMetrics()
    both = TeeMetrics(first, second)

    both.count(Metric.STAGE_IN, 2, stage="validate")
    both.gauge(Metric.IN_FLIGHT, 3, stage="validate")
    both.observe(Metric.STAGE_DURATION, 4, stage="validate")

    for real_answer in (first, second):
        assert real_answer.counters(Metric.STAGE_IN) == {VALIDATE: 2}
        assert real_answer.gauges(Metric.IN_FLIGHT) == {VALIDATE: 3}
        assert real_answer.distributions(Metric.STAGE_DURATION)[VALIDATE].total == 4
