"""A worker that its group does not hear of is seen, also while the driver takes it for a member."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import cast

import pytest
import pytest_asyncio
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import SubscriptionState
from faust.transport.drivers import aiokafka as driver

from saving_alerts.delivery.consumer_state import ConsumerState

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def coordinator() -> AsyncIterator[GroupCoordinator]:
    """The driver's own. It subscribes to nothing, so it asks nobody."""
    coordinator = GroupCoordinator(AIOKafkaClient(), SubscriptionState())
    yield coordinator
    coordinator.coordinator_id = None
    await coordinator.close()


def absence(coordinator: GroupCoordinator) -> str | None:
    thread = SimpleNamespace(_consumer=SimpleNamespace(_coordinator=coordinator))
    return ConsumerState(cast("driver.Consumer", SimpleNamespace(_thread=thread, should_stop=False))).absence()


async def test_a_worker_that_has_not_joined_is_not_in_its_group(coordinator: GroupCoordinator) -> None:
    assert absence(coordinator) == "the worker is not in its group"


async def test_a_member_without_a_coordinator_is_seen(coordinator: GroupCoordinator) -> None:
    coordinator.generation = 3
    assert absence(coordinator) == "the worker does not find the coordinator of its group"


async def test_a_member_without_heartbeats_is_seen(coordinator: GroupCoordinator) -> None:
    coordinator.generation, coordinator.coordinator_id = 3, 1
    assert absence(coordinator) == "the worker sends no heartbeats to its group"


async def test_a_member_whose_heartbeats_run_is_there(coordinator: GroupCoordinator) -> None:
    coordinator.generation, coordinator.coordinator_id, coordinator.member_id = 3, 1, "w-1"
    coordinator._start_heartbeat_task()  # as the driver does once it has joined
    await asyncio.sleep(0)
    assert absence(coordinator) is None
