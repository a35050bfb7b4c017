"""What a real broker refuses fails alone: the records beside it and after it still arrive, in order."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from saving_alerts.delivery.outputs import Output
from saving_alerts.delivery.producer import OutputProducer
from tests.kafka_cluster.cluster import KafkaCluster
from tests.kafka_cluster.libraries import require_java_and_maven
from tests.support.fakes.metrics import RecordingMetrics

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio, pytest.mark.timeout(180)]

TOPIC = "small"
MAX_MESSAGE_BYTES = 2_000


@pytest.fixture(scope="module")
def kafka() -> Iterator[KafkaCluster]:
    require_java_and_maven()
    with KafkaCluster(brokers=1) as cluster:
        yield cluster


@pytest_asyncio.fixture(scope="module")
async def outputs(kafka: KafkaCluster) -> AsyncIterator[OutputProducer]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    await admin.start()
    limit = {"max.message.bytes": str(MAX_MESSAGE_BYTES)}
    await admin.create_topics([NewTopic(TOPIC, 1, 1, topic_configs=limit)])
    await admin.close()

    def create() -> AIOKafkaProducer:
        return AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers, acks="all", enable_idempotence=True)

    producer = OutputProducer(create, RecordingMetrics())
    async with producer:
        yield producer


async def test_a_record_that_the_broker_refuses_fails_alone(kafka: KafkaCluster, outputs: OutputProducer) -> None:
    sent = [_output(b"1"), _output(b"2" * 5_000), _output(b"3")]

    undelivered = await outputs.deliver(sent)

    assert [failed.output for failed in undelivered] == [sent[1]]
    assert await _values(kafka, 2) == [b"1", b"3"]


async def test_what_comes_after_a_refusal_arrives_in_order(kafka: KafkaCluster, outputs: OutputProducer) -> None:
    await outputs.deliver([_output(b"x" * 5_000)])

    undelivered = await outputs.deliver([_output(str(number).encode()) for number in range(10, 60)])

    assert undelivered == []
    assert (await _values(kafka, 52))[-50:] == [str(number).encode() for number in range(10, 60)]


def _output(value: bytes) -> Output:
    return Output(TOPIC, 0, b"u-1", value)


async def _values(kafka: KafkaCluster, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(TOPIC, 0)])
        await consumer.seek_to_beginning()
        return [(await consumer.getone()).value for _ in range(count)]
    finally:
        await consumer.stop()
