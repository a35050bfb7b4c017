"""The whole catalogue in Prometheus' text format 0.0.4.

A name is the metric's with `_` for `.`, then `_seconds` where that is its unit, then `_total` for a count. A
distribution is a summary: its quantiles are of the last 1,024 observations, its sum and count of all.
"""

from collections.abc import Iterator

from saving_alerts.metrics import CATALOGUE, PREFIX, Entry, Kind, Metric
from saving_alerts.tally import Tags, Tally

CONTENT_TYPE = "text/plain; version=0.0.4"

_TYPES = {Kind.COUNT: "counter", Kind.GAUGE: "gauge", Kind.DISTRIBUTION: "summary"}


def exposition(tally: Tally) -> str:
    """Every metric of the catalogue with its help and type, measured or not."""
    return "".join(f"{line}\n" for metric, entry in CATALOGUE.items() for line in _lines(tally, metric, entry))


def exposed_name(metric: Metric, entry: Entry) -> str:
    unit = "_seconds" if entry.unit == "seconds" else ""
    total = "_total" if entry.kind is Kind.COUNT else ""
    return f"{PREFIX}{metric}".replace(".", "_") + unit + total


def _lines(tally: Tally, metric: Metric, entry: Entry) -> Iterator[str]:
    name = exposed_name(metric, entry)
    yield f"# HELP {name} {_escaped(entry.meaning)}"
    yield f"# TYPE {name} {_TYPES[entry.kind]}"
    match entry.kind:
        case Kind.COUNT:
            yield from (f"{name}{_labels(tags)} {value}" for tags, value in tally.counters(metric).items())
        case Kind.GAUGE:
            yield from (f"{name}{_labels(tags)} {value}" for tags, value in tally.gauges(metric).items())
        case Kind.DISTRIBUTION:
            yield from _summaries(tally, metric, name)


def _summaries(tally: Tally, metric: Metric, name: str) -> Iterator[str]:
    for tags, summary in tally.distributions(metric).items():
        yield f"{name}{_labels((*tags, ('quantile', '0.5')))} {summary.p50}"
        yield f"{name}{_labels((*tags, ('quantile', '0.99')))} {summary.p99}"
        yield f"{name}_sum{_labels(tags)} {summary.total}"
        yield f"{name}_count{_labels(tags)} {summary.count}"


def _labels(tags: Tags) -> str:
    return "{" + ",".join(f'{name}="{_quoted(value)}"' for name, value in tags) + "}" if tags else ""


def _quoted(value: str) -> str:
    return _escaped(value).replace('"', '\\"')


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")
