"""The one place that makes aiokafka's consumers, so that no fetch is unpacked without a limit (kafka/unpacking.py)."""

from typing import Any

from aiokafka import AIOKafkaConsumer

from saving_alerts.kafka.connection import KafkaConnection
from saving_alerts.kafka.unpacking import unpack_for_aiokafka

unpack_for_aiokafka()


def new_consumer(connection: KafkaConnection, **options: Any) -> AIOKafkaConsumer:  # noqa: ANN401 - aiokafka's
    """A consumer that was not started, with aiokafka's options. Raises OSError for a CA file that cannot be read."""
    return AIOKafkaConsumer(**connection.options(), **options)
