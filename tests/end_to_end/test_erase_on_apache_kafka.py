"""On a real Kafka the proof knows by when everything is gone: the topics are as `topics create` has set them."""

from collections.abc import Iterator

import pytest

from demo.checks.decision_consumer import DecisionConsumer
from demo.traffic.paced_producer import PacedProducer
from demo.workers.worker_process import command_line
from demo.world import World
from saving_alerts.domain.reasons import Reason
from tests.end_to_end.shoppers import good_coupons, long_freshness_rules, visit
from tests.kafka_cluster.cluster import KafkaCluster
from tests.kafka_cluster.libraries import require_java_and_maven

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(400)]

ANSWER_SECONDS = 60
SETTINGS = {
    "SAVING_ALERTS_TOPIC_PARTITIONS": "4",
    "SAVING_ALERTS_TOPIC_REPLICATION_FACTOR": "1",
    "SAVING_ALERTS_ERASURE_SECRET": "0123456789abcdef0123456789abcdef",
}


@pytest.fixture
def world() -> Iterator[World]:
    require_java_and_maven()
    with KafkaCluster(brokers=1) as cluster, World(cluster.bootstrap_servers, SETTINGS) as world:
        created = command_line(["topics", "create"], world.environment)
        assert created.returncode == 0, created.stderr
        world.publish_reference_data()
        world.s3.put("rules.json", long_freshness_rules())
        world.coupon_api.coupons = good_coupons
        yield world


def erase(world: World, *arguments: str) -> tuple[int, str]:
    ended = command_line(["erase", "--user", "u-1", *arguments], world.environment)
    return ended.returncode, ended.stdout + ended.stderr


def test_everything_is_gone_or_has_an_end(world: World) -> None:
    world.start_worker().wait_until_ready()
    producer = PacedProducer(world.bootstrap_servers, world.topics.source.name)
    with DecisionConsumer(world.bootstrap_servers, world.topics.decisions.name) as decisions:
        reasons = []
        before = (0, "")
        for event in ("first", "second"):
            producer.write([visit(event, "u-1")], 100)
            assert decisions.wait_for(producer.positions[event], ANSWER_SECONDS)
            reasons.append(decisions.reason(producer.positions[event]))
            before = before if before[1] else erase(world, "--prove")
            ordered = erase(world, "--yes")
    after = erase(world, "--prove")

    assert reasons == [Reason.PUSHED, Reason.CAPPED]
    assert (before[0], ordered[0], after[0]) == (1, 0, 0), (before, ordered, after)
    assert "saving-alerts.push-sends: NOT ERASED, gone by 20" in before[1]
    for store in ("validated", "candidates", "alerts", "decisions", "push-sends", "erasures", "dead-letters"):
        assert f"saving-alerts.{store}: gone by 20" in after[1]
    assert "nobody can say" not in after[1]
