"""A worker's heartbeat row, of which only the numbers matter."""

from datetime import UTC, datetime

from saving_alerts.ports.heartbeats import WorkerRow

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def a_row(events_read: int, decisions: dict[str, int]) -> WorkerRow:
    return WorkerRow(
        name="w",
        incarnation="i",
        started_at=NOW,
        beaten_at=NOW,
        page="http://w",
        version="1",
        rules_version=None,
        merchants_version=None,
        partitions=(),
        in_flight=0,
        ready=True,
        decisions=decisions,
        events_read=events_read,
    )
