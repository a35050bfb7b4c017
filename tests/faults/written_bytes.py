"""What stands on the topics, beside the commits and in Redis of a deployment: byte for byte, as somebody wrote it."""

import asyncio
from collections.abc import Iterator

import redis
from aiokafka.admin import AIOKafkaAdminClient
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from tests.faults.deployment import Deployment

TIMEOUT_SECONDS = 30


def records_on(deployment: Deployment, topic: str) -> Iterator[bytes]:
    """Headers and value of each record that is there now; not the tombstones."""
    consumer = Consumer({"bootstrap.servers": deployment.world.bootstrap_servers, "group.id": "reader-of-bytes"})
    try:
        for partition in consumer.list_topics(topic, timeout=TIMEOUT_SECONDS).topics[topic].partitions:
            yield from _partition(consumer, TopicPartition(topic, partition, OFFSET_BEGINNING))
    finally:
        consumer.close()


def _partition(consumer: Consumer, place: TopicPartition) -> Iterator[bytes]:
    first, end = consumer.get_watermark_offsets(place, timeout=TIMEOUT_SECONDS)
    consumer.assign([place])
    while first < end:
        # One at a time: `consume` waits until it has as many as it was asked for, or its time is over.
        message = consumer.poll(TIMEOUT_SECONDS)
        assert message is not None, f"{place.topic} {place.partition}: nothing came at {first}, and it ends at {end}"
        assert not message.error(), message.error()
        first = (message.offset() or 0) + 1
        if message.value() is not None:
            yield repr(message.headers()).encode() + (message.value() or b"")


def texts_of_commits(deployment: Deployment) -> list[bytes]:
    """What stands beside the offsets that the group has committed now.

    By aiokafka: librdkafka's text has no end, and confluent-kafka reads on behind it.
    """
    return asyncio.run(_texts(deployment.world.bootstrap_servers, deployment.spec.group))


async def _texts(bootstrap_servers: str, group: str) -> list[bytes]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        return [found.metadata.encode() for found in (await admin.list_consumer_group_offsets(group)).values()]
    finally:
        await admin.close()


def values_in_redis(deployment: Deployment, pattern: str) -> Iterator[bytes]:
    with redis.Redis.from_url(deployment.world.redis.url) as client:
        for key in client.scan_iter(pattern):
            if client.type(key) == b"string":
                yield client.get(key) or b""
