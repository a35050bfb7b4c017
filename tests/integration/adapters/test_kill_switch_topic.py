"""The topic of the kill switches on the embedded Kafka, with record batches that are refused."""

import pytest
from aiokafka import AIOKafkaConsumer

from demo.servers.kafka import EmbeddedKafka
from saving_alerts.adapters.kill_switch_topic import KillSwitchTopic
from saving_alerts.kafka.connection import KafkaConnection
from tests.support.batch_bytes import GZIP, MEBIBYTE, batch, framed, write_batch

pytestmark = pytest.mark.asyncio

TOPIC = "kill-switches"


async def test_a_batch_that_is_refused_is_passed_over() -> None:
    with EmbeddedKafka() as kafka:
        servers = kafka.bootstrap_servers
        connection = KafkaConnection(servers)
        await write_batch(servers, TOPIC, batch([40 * MEBIBYTE, b"{}"], GZIP), 2)
        await write_batch(servers, TOPIC, framed(b"no gzip" * 9, GZIP, 3), 3)
        followed = KillSwitchTopic(lambda: AIOKafkaConsumer(**connection.options()), TOPIC)

        async with followed:
            assert followed.next_offset == 5
            assert followed.switches == {}
