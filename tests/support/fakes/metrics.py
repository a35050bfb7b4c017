"""Metrics that keep every measurement, and accept only metrics of the catalogue."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from saving_alerts.metrics import CATALOGUE, Metric, MetricKind


@dataclass(frozen=True)
class Measurement:
    metric: Metric
    value: float
    tags: dict[str, str]


class RecordingMetrics:
    """A `Metrics`. `measurements` are in order. Fails a test that uses a wrong kind, wrong tags or no number."""

    def __init__(self) -> None:
        self.measurements: list[Measurement] = []

    def count(self, metric: Metric, value: int = 1, **tags: str) -> None:
        self._add(MetricKind.COUNT, Measurement(metric, value, tags))

    def gauge(self, metric: Metric, value: float, **tags: str) -> None:
        self._add(MetricKind.GAUGE, Measurement(metric, value, tags))

    def observe(self, metric: Metric, value: float, **tags: str) -> None:
        self._add(MetricKind.DISTRIBUTION, Measurement(metric, value, tags))

    def observe_all(self, metric: Metric, values: Sequence[float], **tags: str) -> None:
        for value in values:
            self.observe(metric, value, **tags)

    def forget(self, metric: Metric) -> None:
        assert CATALOGUE[metric].kind is MetricKind.GAUGE

    def total(self, metric: Metric, **tags: str) -> float:
        """The sum of what was counted under these tags; other tags do not matter."""
        return sum(
            measurement.value
            for measurement in self.measurements
            if measurement.metric is metric and tags.items() <= measurement.tags.items()
        )

    def values(self, metric: Metric) -> list[float]:
        """Every value measured for the metric, in order."""
        return [measurement.value for measurement in self.measurements if measurement.metric is metric]

    def tags(self, metric: Metric, tag: str) -> list[str]:
        """The values of one tag, in order."""
        return [measurement.tags[tag] for measurement in self.measurements if measurement.metric is metric]

    def _add(self, kind: MetricKind, measurement: Measurement) -> None:
        metric, value = measurement.metric, measurement.value
        entry = CATALOGUE[metric]
        assert entry.kind is kind, f"{metric} is a {entry.kind}, not a {kind}"
        assert type(value) in {int, float}, f"{metric}: {value!r} is no number"
        assert math.isfinite(value), f"{metric}: {value!r} is not finite"
        assert set(measurement.tags) == set(entry.tags), (
            f"{metric} has the tags {entry.tags}, not {tuple(measurement.tags)}"
        )
        self.measurements.append(measurement)
