"""The input of the contenders: realistic events on a topic, and rules under which none expires during a run."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import msgspec
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from demo.traffic import make_traffic, merchants_jsonl
from demo.traffic.directory import rules_with_freshness
from saving_alerts.domain.merchants import Merchant
from saving_alerts.domain.rules_file.compiler import read_rules
from saving_alerts.kafka.topics import Topics
from saving_alerts.reference_data.snapshot import Merchants, Snapshot

PARTITIONS = 12
SEED = 2018
EVENTS_PER_PIECE = 10_000
FRESHNESS = timedelta(days=1)
BUFFERED_RECORDS = 1_000_000
FLUSH_TIMEOUT_SECONDS = 120
TOPIC_TIMEOUT_SECONDS = 60

Advance = Callable[[int], None]


def long_freshness_rules() -> bytes:
    """The demo's rules with a freshness of a day: no run is that long, so nothing expires in it."""
    return rules_with_freshness(FRESHNESS)


def snapshot(rules: bytes) -> Snapshot:
    """These rules with the demo's merchants."""
    merchants = [msgspec.json.decode(line, type=Merchant) for line in merchants_jsonl().splitlines()]
    by_id = {merchant.merchant_id: merchant for merchant in merchants}
    return Snapshot(read_rules(rules), Merchants("benchmark", by_id))


def records(events: int, series: int = 0) -> Iterator[tuple[bytes, bytes | None]]:
    """Key and value of each event, made just now. Every piece of 10,000 has users of its own."""
    for piece, begin in enumerate(range(0, events, EVENTS_PER_PIECE)):
        traffic = make_traffic(SEED + series, EVENTS_PER_PIECE, piece)
        for event in traffic.events[: events - begin]:
            yield event.key, event.value(datetime.now(UTC))


def create_topics(bootstrap_servers: str, *names: str) -> None:
    """Each with 12 partitions and one replica. Raises confluent_kafka.KafkaException."""
    admin = _admin(bootstrap_servers)
    created = admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names])
    for future in created.values():
        future.result(TOPIC_TIMEOUT_SECONDS)


def _admin(bootstrap_servers: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})


def own_topics(topics: Topics) -> list[str]:
    """The names of all of them but the source."""
    return [topic.name for topic in topics.all if topic is not topics.source]


def delete_topics(bootstrap_servers: str, *names: str) -> None:
    admin = _admin(bootstrap_servers)
    for future in admin.delete_topics(list(names)).values():
        future.result(TOPIC_TIMEOUT_SECONDS)


def fill(bootstrap_servers: str, topic: str, events: int, advance: Advance) -> None:
    """Write so many events and return when Kafka has them all; `advance` is called after every piece."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap_servers,
            "acks": "all",
            "linger.ms": 50,
            "queue.buffering.max.messages": BUFFERED_RECORDS,
        }
    )
    for number, (key, value) in enumerate(records(events), 1):
        producer.produce(topic, value, key)
        if number % EVENTS_PER_PIECE == 0 or number == events:
            producer.poll(0)
            advance((number - 1) % EVENTS_PER_PIECE + 1)
    if producer.flush(FLUSH_TIMEOUT_SECONDS):
        raise RuntimeError(f"Kafka did not take {events:,} events in {FLUSH_TIMEOUT_SECONDS} s")
