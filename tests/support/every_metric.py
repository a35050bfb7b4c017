"""Say a number under any metric of the catalogue, with all of its tags."""

from typing import Any

from saving_alerts.metrics import CATALOGUE, Metric, MetricKind, Metrics

# Values that the dashboards and alerts ask for; all other tags are "x".
ASKED_FOR = {"stage": "dispatch_push", "condition": "redis", "answer": "missing"}


def say(metrics: Metrics, metric: Metric, value: object, tag: str | None = None) -> None:
    """With every tag as `tag`, or as somebody asks for it."""
    entry = CATALOGUE[metric]
    how: Any = {
        MetricKind.COUNT: metrics.count,
        MetricKind.GAUGE: metrics.gauge,
        MetricKind.DISTRIBUTION: metrics.observe,
    }[entry.kind]
    how(metric, value, **{name: ASKED_FOR.get(name, "x") if tag is None else tag for name in entry.tags})
