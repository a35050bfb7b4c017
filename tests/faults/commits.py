"""Waits for commits of a worker before it is killed: what it has committed too early by then is lost by the kill."""

from confluent_kafka import Producer

from saving_alerts.domain.source_position import SourcePosition
from tests.end_to_end.shoppers import PREPARED_OFFSET, prepared_alert
from tests.faults.deployment import Deployment

COMMIT_TIMEOUT_SECONDS = 30
FLUSH_TIMEOUT_SECONDS = 10


def wait_for_commits(deployment: Deployment, partition: int, times: int) -> None:
    """Return after so many commits by the owner of `partition`; before each, an alert is written there."""
    place = (deployment.topics.alerts.name, partition)
    for _ in range(times):
        committed = deployment.offsets.committed()[place]
        _write_marker(deployment, partition)

        def has_moved(committed: int = committed) -> bool:
            return deployment.offsets.committed()[place] > committed

        deployment.wait_until(has_moved, COMMIT_TIMEOUT_SECONDS, f"a commit on {place}")


def _write_marker(deployment: Deployment, partition: int) -> None:
    number = deployment.offsets.ends()[deployment.topics.alerts.name, partition]
    position = SourcePosition(deployment.topics.source.name, partition, PREPARED_OFFSET + number)
    marker = prepared_alert(f"marker-{partition}-{number}", position)
    producer = Producer({"bootstrap.servers": deployment.world.bootstrap_servers, "acks": "all"})
    headers: list[tuple[str, str | bytes | None]] = [*marker.headers]
    producer.produce(deployment.topics.alerts.name, marker.value(), marker.key, partition, headers=headers)
    producer.flush(FLUSH_TIMEOUT_SECONDS)
