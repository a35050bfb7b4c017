"""What is no number is refused before it is sent: by the type checker, and where that cannot see it, at run time.

`make check` fails where one of the comments that allow a wrong line is not needed any more.
"""

import logging
import math

import pytest

from saving_alerts.adapters.in_memory_metrics import InMemoryMetrics
from saving_alerts.metrics import Metric, Metrics, are_numbers, number_of


def test_the_types_refuse_what_is_no_number() -> None:
    kept = InMemoryMetrics()
    metrics: Metrics = kept

    metrics.gauge(Metric.COUPON_API_BREAKER, True)  # type: ignore[deprecated]
    metrics.count(Metric.HEARTBEAT, True)  # type: ignore[deprecated]
    metrics.observe(Metric.PUSH_AGE, True)  # type: ignore[deprecated]
    metrics.gauge(Metric.PUSH_API_BREAKER, "7")  # type: ignore[call-overload]
    metrics.count(Metric.DEAD_LETTERS, None, stage="x")  # type: ignore[call-overload]
    metrics.observe(Metric.PUSH_API_DURATION, b"7")  # type: ignore[call-overload]

    assert kept.gauges(Metric.COUPON_API_BREAKER) == {(): 1}
    assert kept.gauges(Metric.PUSH_API_BREAKER) == {}
    assert kept.counters(Metric.DEAD_LETTERS) == {}
    assert kept.distributions(Metric.PUSH_API_DURATION) == {}


def test_what_is_left_out_is_said_with_its_name(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert number_of(Metric.IN_FLIGHT, math.nan) is None

    assert caplog.messages == ["in_flight: nan is no number and was not counted"]


@pytest.mark.parametrize(
    ("values", "are"),
    [
        ([], True),
        ([1, 2.5], True),
        ([math.nan], False),
        ([math.inf, -math.inf], False),
        ([10**400], False),
        ([1, "2"], False),
        ([None], False),
    ],
)
def test_many_are_looked_at_together(values: list[object], *, are: bool) -> None:
    assert are_numbers(values) is are
