"""The topic of the kill switches on the embedded Kafka, with record batches that are refused."""

from functools import partial

import pytest
from aiokafka import AIOKafkaProducer

from demo.servers.kafka import EmbeddedKafka
from saving_alerts.adapters.kill_switch_topic import KillSwitchTopic, consumer_of, switches_now
from saving_alerts.kafka.connection import KafkaConnection
from tests.support.batch_bytes import GZIP, MEBIBYTE, batch, framed, write_batch

pytestmark = pytest.mark.asyncio

TOPIC = "kill-switches"


async def test_a_batch_that_is_refused_stops_all_pushes_until_it_is_lifted_by_its_name() -> None:
    with EmbeddedKafka() as kafka:
        servers = kafka.bootstrap_servers
        connection = KafkaConnection(servers)
        await write_batch(servers, TOPIC, batch([40 * MEBIBYTE, b"{}"], GZIP), 2)
        await write_batch(servers, TOPIC, framed(b"no gzip" * 9, GZIP, 3), 3)

        followed = KillSwitchTopic(partial(consumer_of, connection), TOPIC)
        async with followed:
            assert followed.next_offset == 5
            assert set(followed.switches) == {"all"}
            (listed,) = followed.listed
            assert "cannot be read, so all pushes are stopped" in str(listed)
        read = await switches_now(partial(consumer_of, connection), TOPIC)
        key = read.key_of(listed.name)
        async with AIOKafkaProducer(**connection.options()) as producer:
            await producer.send_and_wait(TOPIC, None, key=key, partition=0)
        read = await switches_now(partial(consumer_of, connection), TOPIC)
        assert (read.next_offset, read.listed) == (6, [])
