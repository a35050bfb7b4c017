"""The numbers of an audit for who watches the deployment: a file for Prometheus, and the DogStatsD agent."""

from pathlib import Path

from saving_alerts.adapters.datadog import metrics_to
from saving_alerts.adapters.in_memory_metrics import InMemoryMetrics, TeeMetrics
from saving_alerts.commands.clock import now
from saving_alerts.ledger.audit import AuditResult
from saving_alerts.metrics import Metric, Metrics
from saving_alerts.settings import Settings
from saving_alerts.web.exposition import write_file
from saving_alerts.worker.datadog_policy import datadog_policy


def send(result: AuditResult, settings: Settings, path: Path) -> None:
    """Replace the file at once, and tell the agent, if the settings name one. Raises OSError."""
    kept, agent = InMemoryMetrics(), metrics_to(datadog_policy(settings))
    _measure(result, TeeMetrics(kept, agent))
    agent.close()
    write_file(kept, (Metric.AUDIT_OFFSETS, Metric.AUDIT_TIME), path)


def _measure(result: AuditResult, metrics: Metrics) -> None:
    found = {
        "answered": sum(partition.answered for partition in result.partitions),
        "pending": sum(partition.pending for partition in result.partitions),
        "missing": sum(partition.missing for partition in result.partitions),
        "unknown": sum(partition.unknown for partition in result.partitions),
        "contradictory": sum(len(partition.contradictions) for partition in result.partitions),
    }
    for answer, offsets in found.items():
        metrics.gauge(Metric.AUDIT_OFFSETS, offsets, answer=answer)
    metrics.gauge(Metric.AUDIT_TIME, now().timestamp())
