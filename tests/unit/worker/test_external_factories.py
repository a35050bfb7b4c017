"""What a worker reaches the outside world with."""

import pytest

from saving_alerts.settings import example_settings
from saving_alerts.worker.external_factories import kafka_producer

pytestmark = pytest.mark.asyncio

ALL_IN_SYNC_REPLICAS = -1


async def test_an_output_is_written_once_all_in_sync_replicas_have_it_and_once_only() -> None:
    """The driver repeats a batch whose answer was lost: the brokers know it again when the producer is idempotent."""
    producer = kafka_producer(example_settings())
    await producer.stop()

    assert producer._sender._acks == ALL_IN_SYNC_REPLICAS
    assert producer._txn_manager is not None
