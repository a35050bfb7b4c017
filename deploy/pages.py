"""What people read: `docs/metrics.md`, and the paragraphs of the alerts in `docs/operating.md`."""

from collections.abc import Iterator

from deploy.alert import Alert
from deploy.alerts import ALERTS
from saving_alerts.metrics import CATALOGUE, PREFIX, Metric, MetricKind, exposition_name

BEGIN = "<!-- the alerts: made by `python -m deploy` -->\n"
END = "<!-- the end of the alerts -->\n"
SEVERITY = {"page": "wakes somebody", "ticket": "can wait for the day"}
METRICS_HEAD = """# Metrics

Made by `python -m deploy` of `saving_alerts/metrics.py`; do not edit.

`/metrics` of every worker has them in Prometheus' format, under the names of the first column, and beside them what
Prometheus' client measures of a process: `process_cpu_seconds_total`, `process_resident_memory_bytes`,
`process_open_fds`, `process_start_time_seconds`, `python_info` and the like. With `SAVING_ALERTS_STATSD_HOST` or
`SAVING_ALERTS_STATSD_SOCKET` they go to a DogStatsD agent, under the names of the second column, with the tags `env`,
`service`, `version`, `worker` and those of `SAVING_ALERTS_STATSD_TAGS`.

All are of one worker. Counters and histograms add up over workers. Counts are records, so an event that is delivered
again counts again. The numbers of `audit` come from `saving-alerts audit --metrics FILE`.

| Prometheus | Datadog | kind | unit | tags | meaning |
| --- | --- | --- | --- | --- | --- |
"""


def metrics_page() -> str:
    ends = ("", "Upper ends of the buckets, in seconds:", "", *_buckets())
    return METRICS_HEAD + "".join(f"{line}\n" for line in (*map(_row, Metric), *ends))


def with_alerts(operating: str) -> str:
    """The runbook with the paragraphs of the alerts as they are now. Raises ValueError if it has no place for them."""
    before, _, rest = operating.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"docs/operating.md has no {BEGIN!r} with an end")
    return f"{before}{BEGIN}\n{''.join(map(_paragraph, ALERTS))}{END}{after}"


def _row(metric: Metric) -> str:
    entry = CATALOGUE[metric]
    kind = "histogram" if entry.kind is MetricKind.DISTRIBUTION else {"count": "counter"}.get(entry.kind, entry.kind)
    tags = ", ".join(f"`{tag}`" for tag in entry.tags)
    return f"| `{exposition_name(metric)}` | `{PREFIX}{metric}` | {kind} | {entry.unit} | {tags} | {entry.meaning} |"


def _buckets() -> Iterator[str]:
    distributions = [metric for metric in Metric if CATALOGUE[metric].kind is MetricKind.DISTRIBUTION]
    for ends in dict.fromkeys(CATALOGUE[metric].buckets for metric in distributions):
        names = ", ".join(f"`{metric}`" for metric in distributions if CATALOGUE[metric].buckets == ends)
        yield f"- {names}: {', '.join(f'{end:g}' for end in ends)}"


def _paragraph(alert: Alert) -> str:
    steps = "".join(f"{number}. {step}\n" for number, step in enumerate(alert.steps, 1))
    minutes = "a minute" if alert.minutes == 1 else f"{alert.minutes} minutes"
    held = f"once this has held for {minutes}" if alert.minutes else "as soon as this holds"
    return (
        f"### {alert.name}\n\n{alert.summary}. It {SEVERITY[alert.severity]} (`{alert.severity}`) {held}:\n"
        f"`{alert.expression}`\n\n{alert.meaning}\n\n{steps}\n"
    )
