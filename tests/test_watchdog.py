"""A worker that stands still for good exits to be restarted; one that works does not."""

import asyncio

import pytest

from saving_alerts.delivery.watchdog import EXIT_RESTART_ME, Watchdog

pytestmark = pytest.mark.asyncio


async def test_a_parked_worker_exits_to_be_restarted() -> None:
    left: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async with Watchdog(lambda: "InvalidRequestError", left.set_result):
        assert await asyncio.wait_for(left, 5) == EXIT_RESTART_ME


async def test_a_worker_that_parks_later_is_seen() -> None:
    looks: list[str | None] = [None, "its coordination task ended"]
    left: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async with Watchdog(lambda: looks.pop(0) if len(looks) > 1 else looks[0], left.set_result):
        assert await asyncio.wait_for(left, 5) == EXIT_RESTART_ME


async def test_a_working_worker_stays() -> None:
    looked = asyncio.Event()
    left: list[int] = []

    def healthy() -> None:
        looked.set()

    async with Watchdog(healthy, left.append):
        await asyncio.wait_for(looked.wait(), 5)

    assert left == []
