"""How Faust and the watchdog are set up: with other values events are lost, or a worker stands still for good."""

from typing import cast

import pytest
import pytest_asyncio
from faust.transport.drivers import aiokafka as driver

from saving_alerts.app import SavingAlertsApp
from saving_alerts.delivery.consumer_thread import ConsumerThread
from tests.support.fakes.unopened_app import unopened_app

pytestmark = pytest.mark.asyncio

ALL_IN_SYNC_REPLICAS = -1


@pytest_asyncio.fixture
async def app() -> SavingAlertsApp:
    """Of a worker with default settings."""
    return unopened_app()


async def test_a_change_of_the_table_is_written_when_all_in_sync_replicas_have_it(app: SavingAlertsApp) -> None:
    producer = cast("driver.Producer", app.producer)._new_producer()
    await producer.stop()

    assert producer._sender._acks == ALL_IN_SYNC_REPLICAS


async def test_a_partition_without_a_commit_is_read_from_its_beginning(app: SavingAlertsApp) -> None:
    consumer = ConsumerThread(cast("driver.Consumer", app.consumer))._create_worker_consumer(app.transport)
    await consumer.stop()

    assert consumer._auto_offset_reset == "earliest"


async def test_a_sign_of_standstill_may_last_for_minutes_not_hours(app: SavingAlertsApp) -> None:
    """By default a rebalance may take 60 s, a lease lasts 20 s, and a standstill is borne 60 s longer."""
    patience = {watch.sign.name: watch.sign.patience_seconds for watch in app.watchdog._watches}

    assert patience == {"coordinator": 0, "group": 60 + 60, "intake": 60, "steps": 20 + 60}
