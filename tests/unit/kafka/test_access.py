"""A look at our rights: it does not try for longer than whoever asks can wait."""

import asyncio

import pytest

from demo.servers.free_port import FreePort
from saving_alerts.kafka.access import missing_rights
from saving_alerts.kafka.client import COORDINATOR_TIMEOUT_SECONDS
from saving_alerts.kafka.connection import KafkaConnection, KafkaFailedError


@pytest.mark.asyncio
async def test_a_kafka_that_is_gone_is_told_when_patience_ends() -> None:
    port = FreePort()
    nobody_there = KafkaConnection(f"127.0.0.1:{port.number}")
    try:
        async with asyncio.timeout(COORDINATOR_TIMEOUT_SECONDS / 2):
            with pytest.raises(KafkaFailedError, match="no broker can be reached"):
                await missing_rights(nobody_there, [], patience_seconds=0.1)
    finally:
        port.close()
