"""Writes the order to erase a user, and waits until its worker has taken it off."""

import asyncio

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from saving_alerts.commands.clock import now
from saving_alerts.commands.exits import CommandRefusedError
from saving_alerts.domain.erasures import ErasureOrder, Tokens, takes_off
from saving_alerts.kafka.client import partition_counts, partition_of, reaching
from saving_alerts.kafka.consumers import FETCH_MILLISECONDS
from saving_alerts.ledger.topic_reader import reader
from saving_alerts.settings import Settings


async def order_and_wait(settings: Settings, tokens: Tokens, user_id: str, wait_seconds: float) -> bool:
    """Whether it was carried out in time. Raises KafkaFailedError, or CommandRefusedError without the topic."""
    topic, number = await _place(settings, user_id)
    key = tokens.of_user(user_id).encode()
    async with reader(settings.kafka) as consumer:
        partition = TopicPartition(topic, number)
        consumer.assign([partition])
        offset = await _write(settings, partition, key, user_id)
        consumer.seek(partition, offset + 1)
        try:
            async with asyncio.timeout(wait_seconds):
                await _until_taken_off(consumer, key, offset)
        except TimeoutError:
            return False
    return True


async def _place(settings: Settings, user_id: str) -> tuple[str, int]:
    topic = settings.topics.erasures
    name = topic.name if topic else ""
    count = (await partition_counts(settings.kafka)).get(name)
    if count is None:
        raise CommandRefusedError(f"{name} is missing, or our user may not see it: run `saving-alerts topics create`")
    return name, partition_of(user_id.encode(), count)


async def _write(settings: Settings, partition: TopicPartition, key: bytes, user_id: str) -> int:
    """The offset it got."""
    value = msgspec.json.encode(ErasureOrder(user_id, now()))
    async with reaching(settings.kafka):
        producer = AIOKafkaProducer(**settings.kafka.options(), acks="all")
        try:
            await producer.start()
            written = await producer.send_and_wait(partition.topic, value, key=key, partition=partition.partition)
        finally:
            await producer.stop()
    return int(written.offset)


async def _until_taken_off(consumer: AIOKafkaConsumer, key: bytes, offset: int) -> None:
    while True:
        fetched = await consumer.getmany(timeout_ms=FETCH_MILLISECONDS)
        tombstones = (
            each for records in fetched.values() for each in records if each.key == key and each.value is None
        )
        if any(takes_off(each.headers, offset) for each in tombstones):
            return
