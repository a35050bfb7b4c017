"""Histograms count every observation in one bucket and add up; percentiles are of the last minutes."""

import math

from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.adapters.distributions import RECENT_OBSERVATIONS, RECENT_SECONDS, Distribution

ENDS = (0.1, 1.0, 10.0)
Values = st.lists(st.floats(0, 100))


def filled(values: list[float], seconds: float = 0) -> Distribution:
    distribution = Distribution(ENDS)
    distribution.add(values, seconds)
    return distribution


@given(Values)
def test_a_bucket_has_what_is_not_above_its_end(values: list[float]) -> None:
    summary = filled(values).summary(0)

    assert [end for end, _ in summary.buckets] == [*ENDS, math.inf]
    assert all(number == sum(value <= end for value in values) for end, number in summary.buckets)
    assert summary.count == len(values)


@given(Values, Values)
def test_histograms_of_two_workers_add_up_to_that_of_both(first: list[float], second: list[float]) -> None:
    one, other, both = (filled(values).summary(0).buckets for values in (first, second, first + second))

    assert [(end, number + more) for (end, number), (_, more) in zip(one, other, strict=True)] == list(both)


def test_one_observation_is_every_percentile() -> None:
    summary = filled([0.5]).summary(0)

    assert (summary.count, summary.p50, summary.p99) == (1, 0.5, 0.5)


def test_percentiles_are_of_so_many_observations_at_most() -> None:
    summary = filled([1000.0] * 5 + [1.0] * RECENT_OBSERVATIONS).summary(0)

    assert (summary.count, summary.p99) == (RECENT_OBSERVATIONS + 5, 1.0)


def test_percentiles_forget_what_is_long_ago_and_the_histogram_does_not() -> None:
    distribution = filled([1000.0] * 100)
    distribution.add([1.0], RECENT_SECONDS * 0.6)

    assert distribution.summary(RECENT_SECONDS * 0.7).p99 == 1000.0
    assert distribution.summary(RECENT_SECONDS * 1.2).p99 == 1.0
    assert distribution.summary(RECENT_SECONDS * 3).p99 == 0.0
    assert distribution.summary(RECENT_SECONDS * 3).count == 101
