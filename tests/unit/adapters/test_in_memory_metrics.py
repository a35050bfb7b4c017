"""Numbers in memory are what was said; two listeners hear the same."""

import pytest

from saving_alerts.adapters.in_memory_metrics import RECENT_OBSERVATIONS, InMemoryMetrics, Summary, TeeMetrics
from saving_alerts.metrics import Metric

VALIDATE = (("stage", "validate"),)


@pytest.fixture
def tally() -> InMemoryMetrics:
    return InMemoryMetrics()


def test_counts_are_added_up_by_tags(tally: InMemoryMetrics) -> None:
    tally.count(Metric.STAGE_IN, stage="validate")
    tally.count(Metric.STAGE_IN, 2, stage="validate")
    tally.count(Metric.STAGE_IN, stage="query_coupons")

    assert tally.counters(Metric.STAGE_IN) == {VALIDATE: 3, (("stage", "query_coupons"),): 1}


def test_metrics_are_kept_apart(tally: InMemoryMetrics) -> None:
    tally.count(Metric.STAGE_IN, stage="validate")

    assert tally.counters(Metric.DEAD_LETTERS) == {}


def test_the_order_of_tags_means_nothing(tally: InMemoryMetrics) -> None:
    tally.count(Metric.STAGE_OUT, stage="validate", decision="pushed")

    tally.count(Metric.STAGE_OUT, decision="pushed", stage="validate")

    assert tally.counters(Metric.STAGE_OUT) == {(("decision", "pushed"), ("stage", "validate")): 2}


def test_a_total_is_over_all_tags_that_were_not_asked_for(tally: InMemoryMetrics) -> None:
    tally.count(Metric.STAGE_OUT, stage="validate", decision="expired")
    tally.count(Metric.STAGE_OUT, stage="validate", decision="invalid")
    tally.count(Metric.STAGE_OUT, stage="query_coupons", decision="expired")

    assert tally.total(Metric.STAGE_OUT, stage="validate") == 2
    assert tally.total(Metric.STAGE_OUT) == 3


def test_a_gauge_keeps_its_last_value(tally: InMemoryMetrics) -> None:
    tally.gauge(Metric.IN_FLIGHT, 3, stage="validate")
    tally.gauge(Metric.IN_FLIGHT, 1, stage="validate")

    assert tally.gauges(Metric.IN_FLIGHT) == {VALIDATE: 1}


def test_a_distribution_is_summed_up(tally: InMemoryMetrics) -> None:
    for value in range(100, 0, -1):
        tally.observe(Metric.STAGE_DURATION, value, stage="validate")

    assert tally.distributions(Metric.STAGE_DURATION) == {VALIDATE: Summary(100, 5050, p50=50, p99=99)}


def test_one_observation_is_every_percentile(tally: InMemoryMetrics) -> None:
    tally.observe(Metric.PUSH_API_DURATION, 0.5)

    assert tally.distributions(Metric.PUSH_API_DURATION) == {(): Summary(1, 0.5, p50=0.5, p99=0.5)}


def test_percentiles_forget_what_is_long_ago(tally: InMemoryMetrics) -> None:
    for value in [1000.0] * 5 + [1.0] * RECENT_OBSERVATIONS:
        tally.observe(Metric.PUSH_API_DURATION, value)

    summary = tally.distributions(Metric.PUSH_API_DURATION)[()]
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
