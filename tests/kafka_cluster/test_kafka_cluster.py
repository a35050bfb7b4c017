"""The real Kafka: brokers can be killed, what was acknowledged stays."""

import asyncio
from collections.abc import Iterator
from typing import cast

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import UnknownTopicOrPartitionError
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.end_to_end.conditions import wait_until
from tests.kafka_cluster.cluster import KafkaCluster
from tests.kafka_cluster.libraries import require_java_and_maven

pytestmark = pytest.mark.kafka

READ_TIMEOUT_SECONDS = 60
ADMIN_TIMEOUT_SECONDS = 30


@pytest.fixture(scope="module")
def one_cluster() -> Iterator[KafkaCluster]:
    require_java_and_maven()
    with KafkaCluster(brokers=3) as cluster:
        yield cluster


@pytest.fixture
def cluster(one_cluster: KafkaCluster) -> Iterator[KafkaCluster]:
    """Three brokers up; what a test killed is started again after it."""
    yield one_cluster
    one_cluster.start_all()
    one_cluster.wait_until_ready(brokers=3)


@pytest.fixture
def single_broker() -> Iterator[KafkaCluster]:
    require_java_and_maven()
    with KafkaCluster(brokers=1) as cluster:
        yield cluster


def create_topic(cluster: KafkaCluster, topic: str, replicas: int) -> None:
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
    created = admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=replicas)])
    created[topic].result(timeout=ADMIN_TIMEOUT_SECONDS)


def leader_of(cluster: KafkaCluster, topic: str) -> int:
    """Returns when the broker that is asked knows: the controller has chosen it before."""
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
    leaders: list[int] = []

    def is_known() -> bool:
        partitions = admin.list_topics(topic, ADMIN_TIMEOUT_SECONDS).topics[topic].partitions
        leaders[:] = [each.leader for each in partitions.values() if each.leader > 0]
        return bool(leaders)

    wait_until(is_known, ADMIN_TIMEOUT_SECONDS, f"{topic} has a leader")
    return leaders[0]


async def produce(cluster: KafkaCluster, topic: str, value: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=cluster.bootstrap_servers, acks="all") as producer:
        await producer.send_and_wait(topic, value)


async def produce_in_a_transaction(cluster: KafkaCluster, topic: str, value: bytes) -> None:
    writer = AIOKafkaProducer(bootstrap_servers=cluster.bootstrap_servers, transactional_id="writer")
    async with writer, writer.transaction():
        await writer.send_and_wait(topic, value)


async def consume_one(cluster: KafkaCluster, topic: str) -> bytes:
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=cluster.bootstrap_servers,
        group_id=f"readers-of-{topic}",
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    async with asyncio.timeout(READ_TIMEOUT_SECONDS), consumer:
        record = await consumer.getone()
        await consumer.commit()
        return cast("bytes", record.value)


@pytest.mark.asyncio
async def test_what_was_acknowledged_is_readable_after_its_leader_was_killed(cluster: KafkaCluster) -> None:
    create_topic(cluster, "leader-killed", replicas=3)
    await produce(cluster, "leader-killed", b"hello")

    cluster.kill(leader_of(cluster, "leader-killed"))

    assert await consume_one(cluster, "leader-killed") == b"hello"


@pytest.mark.asyncio
async def test_two_of_three_brokers_still_take_writes(cluster: KafkaCluster) -> None:
    create_topic(cluster, "two-left", replicas=3)

    cluster.kill(1)
    cluster.wait_until_ready(brokers=2)

    await produce(cluster, "two-left", b"hello")
    assert await consume_one(cluster, "two-left") == b"hello"


@pytest.mark.asyncio
async def test_a_cluster_that_died_whole_comes_back_with_its_data(cluster: KafkaCluster) -> None:
    create_topic(cluster, "all-killed", replicas=3)
    await produce(cluster, "all-killed", b"hello")

    cluster.kill_all()
    cluster.start_all()
    cluster.wait_until_ready(brokers=3)

    assert await consume_one(cluster, "all-killed") == b"hello"


def test_waiting_for_brokers_that_were_killed_is_refused(cluster: KafkaCluster) -> None:
    cluster.kill(2)

    with pytest.raises(RuntimeError, match="2 brokers are running, not 3"):
        cluster.wait_until_ready(brokers=3)


@pytest.mark.asyncio
async def test_a_topic_nobody_created_does_not_appear(cluster: KafkaCluster) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=cluster.bootstrap_servers, request_timeout_ms=2_000)

    async with producer:
        with pytest.raises(UnknownTopicOrPartitionError):
            await producer.partitions_for("never-created")


@pytest.mark.asyncio
async def test_a_single_broker_has_consumer_groups_and_transactions(single_broker: KafkaCluster) -> None:
    create_topic(single_broker, "single", replicas=1)

    await produce_in_a_transaction(single_broker, "single", b"hello")

    assert await consume_one(single_broker, "single") == b"hello"
