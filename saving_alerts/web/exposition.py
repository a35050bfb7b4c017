"""All metrics of the catalogue as Prometheus reads them, with those of the process. See ADR 41."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
    write_to_textfile,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from saving_alerts.adapters.in_memory_metrics import InMemoryMetrics, Tags
from saving_alerts.metrics import CATALOGUE, Metric, MetricKind, exposition_name

CONTENT_TYPE = "text/plain; version=0.0.4"


class CatalogueCollector(Collector):
    """The families of the catalogue, each with its help text, also before anything was measured."""

    def __init__(self, metrics: InMemoryMetrics, families: Sequence[Metric] = tuple(Metric)) -> None:
        self._metrics = metrics
        self._families = families

    def collect(self) -> Iterable[Family]:
        return map(self._family, self._families)

    def _family(self, metric: Metric) -> Family:
        kind = CATALOGUE[metric].kind
        if kind is MetricKind.DISTRIBUTION:
            return self._histogram(metric)
        return self._counter(metric) if kind is MetricKind.COUNT else self._gauge(metric)

    def _counter(self, metric: Metric) -> Family:
        family = CounterMetricFamily(exposition_name(metric), _help(metric), labels=CATALOGUE[metric].tags)
        for tags, value in self._metrics.counters(metric).items():
            family.add_metric(_labels(metric, tags), value)
        return family

    def _gauge(self, metric: Metric) -> Family:
        family = GaugeMetricFamily(exposition_name(metric), _help(metric), labels=CATALOGUE[metric].tags)
        for tags, value in self._metrics.gauges(metric).items():
            family.add_metric(_labels(metric, tags), value)
        return family

    def _histogram(self, metric: Metric) -> Family:
        family = HistogramMetricFamily(exposition_name(metric), _help(metric), labels=CATALOGUE[metric].tags)
        for tags, each in self._metrics.distributions(metric).items():
            buckets = [(_end(end), count) for end, count in each.buckets]
            family.add_metric(_labels(metric, tags), buckets, each.total)
        return family


class Exposition:
    """The page `/metrics` of one worker."""

    def __init__(self, metrics: InMemoryMetrics) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(CatalogueCollector(metrics))
        for standard in (ProcessCollector, PlatformCollector, GCCollector):
            standard(registry=self._registry)

    def page(self) -> bytes:
        return generate_latest(self._registry)


def write_file(metrics: InMemoryMetrics, families: Sequence[Metric], path: Path) -> None:
    """Replace a file that the collector of text files reads, at once: it never sees half of it. Raises OSError."""
    registry = CollectorRegistry()
    registry.register(CatalogueCollector(metrics, families))
    write_to_textfile(str(path), registry)


def _help(metric: Metric) -> str:
    return f"{CATALOGUE[metric].meaning} ({CATALOGUE[metric].unit})"


def _labels(metric: Metric, tags: Tags) -> list[str]:
    values = dict(tags)
    return [values.get(name, "") for name in CATALOGUE[metric].tags]


def _end(end: float) -> str:
    return "+Inf" if end == float("inf") else repr(end)
