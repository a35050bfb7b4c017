"""Series of the catalogue in two languages. A metric or a tag that the catalogue lacks cannot be asked for."""

from dataclasses import dataclass

from saving_alerts.metrics import CATALOGUE, PREFIX, Metric, MetricKind, exposition_name

RATE_WINDOW = "5m"
OURS = "$env,$worker"  # template variables of Datadog's dashboard; monitors have `SERVICE` in their place
SERVICE = "service:saving-alerts"


@dataclass(frozen=True, slots=True)
class Query:
    """The same question to Prometheus and to Datadog."""

    prometheus: str
    datadog: str


def rate(metric: Metric, *by: str, **tags: str) -> Query:
    """How many in a second, over all workers."""
    _of_kind(metric, MetricKind.COUNT)
    series = f"sum {_by(metric, by)}(rate({selector(metric, **tags)}[{RATE_WINDOW}]))"
    return Query(_tidy(series), f"sum:{_datadog(metric, by, tags)}.as_rate()")


def highest(metric: Metric, *by: str, **tags: str) -> Query:
    return _gauge("max", metric, by, tags)


def lowest(metric: Metric, *by: str, **tags: str) -> Query:
    return _gauge("min", metric, by, tags)


def total(metric: Metric, *by: str, **tags: str) -> Query:
    """A gauge, summed up over all workers."""
    return _gauge("sum", metric, by, tags)


def percentile(metric: Metric, hundredth: int, *by: str, **tags: str) -> Query:
    """Of the last 5 minutes, over all workers."""
    _of_kind(metric, MetricKind.DISTRIBUTION)
    buckets = f"sum {_by(metric, ('le', *by))}(rate({selector(metric, '_bucket', **tags)}[{RATE_WINDOW}]))"
    return Query(
        f"histogram_quantile({hundredth / 100:g}, {_tidy(buckets)})", f"p{hundredth}:{_datadog(metric, by, tags)}"
    )


def selector(metric: Metric, part: str = "", **tags: str) -> str:
    """The series of the exposition, such as `saving_alerts_stage_in_total{stage="validate"}`."""
    _known(metric, tuple(tags))
    chosen = ",".join(f'{name}="{value}"' for name, value in tags.items())
    return exposition_name(metric) + part + (f"{{{chosen}}}" if chosen else "")


def _gauge(how: str, metric: Metric, by: tuple[str, ...], tags: dict[str, str]) -> Query:
    _of_kind(metric, MetricKind.GAUGE)
    return Query(_tidy(f"{how} {_by(metric, by)}({selector(metric, **tags)})"), f"{how}:{_datadog(metric, by, tags)}")


def _datadog(metric: Metric, by: tuple[str, ...], tags: dict[str, str]) -> str:
    _known(metric, (*by, *tags))
    by = tuple("worker" if name == "instance" else name for name in by)
    chosen = ",".join((OURS, *(f"{name}:{value}" for name, value in tags.items())))
    return f"{PREFIX}{metric}{{{chosen}}}" + (f" by {{{','.join(by)}}}" if by else "")


def _by(metric: Metric, by: tuple[str, ...]) -> str:
    _known(metric, tuple(name for name in by if name != "le"))
    return f"by ({', '.join(by)}) " if by else ""


def _tidy(series: str) -> str:
    return series.replace("sum (", "sum(").replace("max (", "max(").replace("min (", "min(")


def _known(metric: Metric, tags: tuple[str, ...]) -> None:
    if unknown := set(tags) - {*CATALOGUE[metric].tags, "instance", "worker", "le"}:
        raise ValueError(f"{metric} has no tag {', '.join(sorted(unknown))}")


def _of_kind(metric: Metric, kind: MetricKind) -> None:
    if CATALOGUE[metric].kind is not kind:
        raise ValueError(f"{metric} is a {CATALOGUE[metric].kind}, not a {kind}")
