"""What is begun runs up to where it waits, and then on as if it was awaited."""

import asyncio

import pytest

from saving_alerts.delivery.begun import Begun

pytestmark = pytest.mark.asyncio


async def _at_once() -> str:
    return "done"


async def _waiting_for(future: asyncio.Future[str]) -> str:
    await asyncio.sleep(0)
    first = await future
    await asyncio.sleep(0)
    return f"{first}, then done"


async def _in_a_task(begun: Begun) -> object:
    return await begun


async def test_what_waits_for_nothing_has_ended_at_once() -> None:
    begun = Begun(_at_once())

    assert begun.has_ended
    assert begun.result == "done"


async def test_what_fails_before_it_waits_fails_at_once() -> None:
    async def failing() -> None:
        raise ValueError("at once")

    with pytest.raises(ValueError, match="at once"):
        Begun(failing())


async def test_what_waits_goes_on_in_another_task() -> None:
    future = asyncio.get_running_loop().create_future()
    begun = Begun(_waiting_for(future))
    assert not begun.has_ended
    task = asyncio.create_task(_in_a_task(begun))
    await asyncio.sleep(0)
    future.set_result("came")

    assert await task == "came, then done"


async def test_what_it_waits_for_may_have_come_before_anybody_awaits_it() -> None:
    future = asyncio.get_running_loop().create_future()
    future.set_result("came")

    assert await Begun(_waiting_for(future)) == "came, then done"


async def test_what_fails_later_fails_whoever_awaits_it() -> None:
    future = asyncio.get_running_loop().create_future()
    begun = Begun(_waiting_for(future))
    future.set_exception(ValueError("later"))

    with pytest.raises(ValueError, match="later"):
        await begun


async def test_a_cancellation_reaches_it() -> None:
    heard: list[str] = []

    async def cancelled() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            heard.append("cancelled")
            raise

    task = asyncio.create_task(_in_a_task(Begun(cancelled())))
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert heard == ["cancelled"]
