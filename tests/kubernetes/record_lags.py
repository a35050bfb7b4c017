"""`python -m tests.kubernetes.record_lags`: record how far one worker is behind while it catches up with a burst.

12,000 triggers wait when it starts, on 12 partitions of a real Kafka; the Coupon API takes 0.1 s for an answer. Once
a second the lag of every partition is written to `recorded_lags.jsonl`, as KEDA reads it: committed offsets, with the
whole partition where none is committed yet. It needs JDK 17 and Maven, and takes about a minute.
"""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from confluent_kafka import Producer

from benchmarks.deployment import create_deployment
from benchmarks.source import PARTITIONS
from demo.checks.group_offsets import GroupOffsets
from demo.stub_apis.coupon_api import Coupons
from demo.stub_apis.faults import Behaviour
from demo.traffic.coupons import good_coupon
from demo.traffic.directory import MERCHANTS
from demo.traffic.templates import Template
from demo.world import World
from saving_alerts.domain.events import EventType
from saving_alerts.kafka.client import partition_of
from tests.kafka_cluster.cluster import KafkaCluster

RECORDED = Path(__file__).parent / "recorded_lags.jsonl"
GROUP = "saving-alerts"
EVENTS = 12_000
LATENCY_SECONDS = 0.1
GIVE_UP_SECONDS = 300
TIMEOUT_SECONDS = 30

Lags = dict[str, list[int]]


def main() -> None:
    with KafkaCluster(brokers=1) as cluster, World(cluster.bootstrap_servers) as world:
        settings = create_deployment(world)
        world.coupon_api.coupons = _coupons
        world.coupon_api.behave(Behaviour(latency_seconds=LATENCY_SECONDS))
        _fill(world)
        world.start_worker(settings)
        lines = [json.dumps({"second": second, "lags": lags}) for second, lags in enumerate(_until_caught_up(world))]
    RECORDED.write_text("".join(f"{line}\n" for line in lines))


def _fill(world: World) -> None:
    producer, now = Producer({"bootstrap.servers": world.bootstrap_servers}), datetime.now(UTC)
    for number in range(EVENTS):
        user = f"u-{number}"
        event = Template(f"e-{number}", user, EventType.GEOFENCE_ENTERED, MERCHANTS[1].merchant_id, details=number)
        partition = partition_of(user.encode(), PARTITIONS)
        producer.produce(world.topics.source.name, event.value(now), user.encode(), partition)
    assert producer.flush(TIMEOUT_SECONDS) == 0


def _coupons(user_id: str, _merchant_id: str) -> Coupons:
    return [good_coupon(Random(user_id), MERCHANTS[1])]


def _until_caught_up(world: World) -> Iterator[Lags]:
    """Once a second. Raises AssertionError where it takes too long."""
    topics = [topic.name for topic in world.topics.inputs.values()]
    offsets = GroupOffsets(world.bootstrap_servers, GROUP, topics, PARTITIONS)
    give_up, worked = time.monotonic() + GIVE_UP_SECONDS, False
    while time.monotonic() < give_up:
        behind = offsets.lag()
        yield {topic: [behind.get((topic, number), 0) for number in range(PARTITIONS)] for topic in topics}
        worked = worked or any(topic == world.topics.validated.name for topic, _ in behind)
        if worked and not behind:
            return
        time.sleep(1)
    raise AssertionError("the worker did not catch up")


if __name__ == "__main__":
    main()
