"""Topics, reference data and records for one real worker with every setting at its default."""

from collections.abc import Iterable

from confluent_kafka import Producer

from benchmarks.source import BUFFERED_RECORDS, FLUSH_TIMEOUT_SECONDS, PARTITIONS
from demo.workers.worker_process import command_line
from demo.world import World
from saving_alerts.kafka.client import partition_of
from saving_alerts.kafka.push_send_rows import user_and_row

FLUSH_EVERY_RECORDS = 10_000
SETTINGS = {
    "SAVING_ALERTS_TOPIC_PARTITIONS": str(PARTITIONS),
    "SAVING_ALERTS_TOPIC_REPLICATION_FACTOR": "1",
}


def create_deployment(world: World) -> dict[str, str]:
    """The settings of its workers. Raises RuntimeError when the topics cannot be created."""
    created = command_line(["topics", "create"], {**world.environment, **SETTINGS})
    if created.returncode:
        raise RuntimeError(created.stderr)
    world.publish_reference_data()
    return SETTINGS


def fill_topic(bootstrap_servers: str, topic: str, records: Iterable[tuple[bytes, bytes]]) -> None:
    """Keys and values, each where the users of the keys are. Returns when Kafka has them all."""
    producer = Producer({"bootstrap.servers": bootstrap_servers, "queue.buffering.max.messages": BUFFERED_RECORDS})
    for number, (key, value) in enumerate(records):
        producer.produce(topic, value, key, partition_of(user_and_row(key)[0], PARTITIONS))
        if number % FLUSH_EVERY_RECORDS == 0:
            producer.poll(0)
    if producer.flush(FLUSH_TIMEOUT_SECONDS):
        raise RuntimeError(f"Kafka did not take all records in {FLUSH_TIMEOUT_SECONDS} s")
