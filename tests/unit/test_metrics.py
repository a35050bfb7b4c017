"""What is no number is refused before it is sent: by the type checker, and where that cannot see it, at run time.

`make check` fails where one of the comments that allow a wrong line is not needed any more.
"""

from saving_alerts.adapters.in_memory_metrics import InMemoryMetrics
from saving_alerts.metrics import Metric, Metrics


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
