"""The one place that makes aiokafka's consumers, so that no fetch is unpacked without a limit (kafka/unpacking.py)."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer

from saving_alerts.kafka.bounded_waiting import bound_waiting_in_aiokafka
from saving_alerts.kafka.connection import KafkaConnection
from saving_alerts.kafka.unpacking import unpack_for_aiokafka

unpack_for_aiokafka()
bound_waiting_in_aiokafka()

# Of whoever follows a topic all the time.
RECONNECT_PAUSE_SECONDS = 1.0  # after a failure of Kafka: an outage costs one attempt a second
FETCH_MILLISECONDS = 200  # so long a fetch waits for a record: a rebalance and a stop are not kept longer

Connect = Callable[[], AIOKafkaConsumer]


def new_consumer(connection: KafkaConnection, **options: Any) -> AIOKafkaConsumer:  # noqa: ANN401 - aiokafka's
    """A consumer that was not started, with aiokafka's options. Raises OSError for a CA file that cannot be read."""
    return AIOKafkaConsumer(**connection.options(), **options)


@asynccontextmanager
async def started(connect: Connect) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer that is started; stopped at the end, and where its start fails."""
    consumer = connect()
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()
