"""Seeing a worker commit, again and again: what it committed wrongly by then is found by the kill that follows."""

from confluent_kafka import Producer

from saving_alerts.domain.source_position import SourcePosition
from tests.end_to_end.shoppers import PREPARED_OFFSET, prepared_alert
from tests.faults.crew import Crew

COMMIT_TIMEOUT_SECONDS = 30
FLUSH_TIMEOUT_SECONDS = 10


def let_commits_tick(crew: Crew, partition: int, times: int) -> None:
    """Return when the owner of `partition` has committed so often: an alert of nobody's goes to its end each time."""
    place = (crew.topics.alerts.name, partition)
    for _ in range(times):
        committed = crew.offsets.committed()[place]
        _write_marker(crew, partition)

        def has_moved(committed: int = committed) -> bool:
            return crew.offsets.committed()[place] > committed

        crew.wait_until(has_moved, COMMIT_TIMEOUT_SECONDS, f"a commit on {place}")


def _write_marker(crew: Crew, partition: int) -> None:
    number = crew.offsets.ends()[crew.topics.alerts.name, partition]
    position = SourcePosition(crew.topics.source.name, partition, PREPARED_OFFSET + number)
    marker = prepared_alert(f"marker-{partition}-{number}", position)
    producer = Producer({"bootstrap.servers": crew.world.bootstrap_servers, "acks": "all"})
    headers: list[tuple[str, str | bytes | None]] = [*marker.headers]
    producer.produce(crew.topics.alerts.name, marker.value(), marker.key, partition, headers=headers)
    producer.flush(FLUSH_TIMEOUT_SECONDS)
