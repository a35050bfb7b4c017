"""What the commands read from the topic of the kill switches, and write to it."""

from functools import partial

from aiokafka import AIOKafkaProducer

from saving_alerts.adapters.standing_switches import CONFIRMED_PARTITION, StandingSwitches
from saving_alerts.commands.exits import CommandRefusedError
from saving_alerts.kafka.client import partition_counts, reaching
from saving_alerts.settings import Settings


async def standing(settings: Settings, read: StandingSwitches | None = None) -> StandingSwitches:
    """What stands on the topic now. Raises KafkaFailedError, or CommandRefusedError where there is no topic."""
    from saving_alerts.adapters.kill_switch_topic import (  # noqa: PLC0415 - mode: not for --help
        consumer_of,
        switches_now,
    )

    return await switches_now(partial(consumer_of, settings.kafka), await _topic(settings), read)


async def write(settings: Settings, key: bytes, value: bytes | None, headers: list[tuple[str, bytes]]) -> int:
    """The offset it got. Raises as `standing`."""
    topic = await _topic(settings)
    async with reaching(settings.kafka):
        producer = AIOKafkaProducer(**settings.kafka.options(), acks="all")
        try:
            await producer.start()
            written = await producer.send_and_wait(
                topic, value, key=key, partition=CONFIRMED_PARTITION, headers=headers
            )
        finally:
            await producer.stop()
    return int(written.offset)


async def _topic(settings: Settings) -> str:
    topic = settings.topics.kill_switches.name
    if topic not in await partition_counts(settings.kafka):
        raise CommandRefusedError(f"{topic} is missing, or our user may not see it: run `saving-alerts topics create`")
    return topic
