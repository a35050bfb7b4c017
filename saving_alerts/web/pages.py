"""Statistics, health and metrics as the bytes of a response."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import msgspec

from saving_alerts.adapters.in_memory_metrics import InMemoryMetrics
from saving_alerts.metrics import CATALOGUE, PREFIX, Metric, MetricKind
from saving_alerts.supervision.health import Condition, all_required_hold
from saving_alerts.web.stats import Stats

if TYPE_CHECKING:
    from jinja2 import Environment

LIVE_SCRIPT = files("saving_alerts.web").joinpath("templates/live.js").read_bytes()
PROMETHEUS_TYPES = {MetricKind.COUNT: "counter", MetricKind.GAUGE: "gauge", MetricKind.DISTRIBUTION: "summary"}


def html(stats: Stats) -> bytes:
    return _environment().get_template("stats.html").render(stats=stats).encode()


@cache
def _environment() -> "Environment":
    """Imported with the first page: many workers never show one."""
    from jinja2 import Environment, PackageLoader  # noqa: PLC0415

    return Environment(loader=PackageLoader("saving_alerts.web"), autoescape=True, trim_blocks=True)


def json(stats: Stats) -> bytes:
    return msgspec.json.encode(stats)


def health(name: str, conditions: Sequence[Condition]) -> tuple[int, bytes]:
    """HTTP status and JSON body: 200 if every required condition holds, else 503, with all conditions."""
    good = all_required_hold(conditions)
    return (200 if good else 503), msgspec.json.encode({name: good, "conditions": conditions})


def prometheus(metrics: InMemoryMetrics) -> bytes:
    """All metrics of the catalogue in Prometheus' text format."""
    return ("\n".join(line for metric in Metric for line in _lines(metrics, metric)) + "\n").encode()


def _lines(metrics: InMemoryMetrics, metric: Metric) -> list[str]:
    entry = CATALOGUE[metric]
    name = (PREFIX + metric).replace(".", "_")
    head = [f"# HELP {name} {entry.meaning} ({entry.unit})", f"# TYPE {name} {PROMETHEUS_TYPES[entry.kind]}"]
    if entry.kind is MetricKind.DISTRIBUTION:
        return head + [
            line
            for tags, each in metrics.distributions(metric).items()
            for line in (
                f"{name}{_labels((*tags, ('quantile', '0.5')))} {each.p50}",
                f"{name}{_labels((*tags, ('quantile', '0.99')))} {each.p99}",
                f"{name}_sum{_labels(tags)} {each.total}",
                f"{name}_count{_labels(tags)} {each.count}",
            )
        ]
    values = metrics.counters(metric) if entry.kind is MetricKind.COUNT else metrics.gauges(metric)
    return head + [f"{name}{_labels(tags)} {value}" for tags, value in values.items()]


def _labels(tags: tuple[tuple[str, str], ...]) -> str:
    if not tags:
        return ""
    escaped = [(name, value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")) for name, value in tags]
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped) + "}"
