"""Numbers in memory are what was said; two listeners hear the same."""

import math

import pytest

from saving_alerts.adapters.in_memory_metrics import InMemoryMetrics, TeeMetrics
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

    summary = metrics.distributions(Metric.STAGE_DURATION)[VALIDATE]
    assert (summary.count, summary.total, summary.p50, summary.p99) == (100, 5050, 50, 99)


@pytest.mark.parametrize("values", [[], [0.5], [0.001, 3.0, 700.0], [math.nan, 1.0], [math.inf, -math.inf], [10**400]])
def test_many_at_once_are_as_one_by_one(values: list[float]) -> None:
    together, one_by_one = InMemoryMetrics(), InMemoryMetrics()
    together.observe_all(Metric.EVENT_AGE, values, stage="validate")
    for value in values:
        one_by_one.observe(Metric.EVENT_AGE, value, stage="validate")

    assert together.distributions(Metric.EVENT_AGE) == one_by_one.distributions(Metric.EVENT_AGE)


def test_a_gauge_that_is_forgotten_says_nothing(metrics: InMemoryMetrics) -> None:
    metrics.gauge(Metric.COMMITS_LAG, 7, topic="a", partition="0")
    metrics.gauge(Metric.IN_FLIGHT, 1, stage="validate")

    metrics.forget(Metric.COMMITS_LAG)

    assert metrics.gauges(Metric.COMMITS_LAG) == {}
    assert metrics.gauges(Metric.IN_FLIGHT) == {VALIDATE: 1}


def test_both_hear_every_number() -> None:
    first, second = InMemoryMetrics(), InMemoryMetrics()
    both = TeeMetrics(first, second)

    both.count(Metric.STAGE_IN, 2, stage="validate")
    both.gauge(Metric.IN_FLIGHT, 3, stage="validate")
    both.observe(Metric.STAGE_DURATION, 4, stage="validate")
    both.observe_all(Metric.STAGE_DURATION, [1, 2], stage="validate")
    both.gauge(Metric.COMMITS_LAG, 3, topic="a", partition="0")
    both.forget(Metric.COMMITS_LAG)

    for real_answer in (first, second):
        assert real_answer.counters(Metric.STAGE_IN) == {VALIDATE: 2}
        assert real_answer.gauges(Metric.IN_FLIGHT) == {VALIDATE: 3}
        assert real_answer.distributions(Metric.STAGE_DURATION)[VALIDATE].total == 7
        assert real_answer.gauges(Metric.COMMITS_LAG) == {}
