"""An event loop whose time is not the world's: where nothing can run it goes to the next timer at once."""

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

from tests.support.fakes.clock import START

Result = TypeVar("Result")


class _Selector(selectors.SelectSelector):
    """Instead of waiting it moves the time."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("everybody waits, and nobody for a moment in time")
        self.time += max(timeout, 0.0)
        return super().select(0)


class SimulatedLoop(asyncio.SelectorEventLoop):
    """For whatever waits by timers only."""

    def __init__(self) -> None:
        self._simulated = _Selector()
        super().__init__(self._simulated)
        # A timer is due within this. asyncio's nanosecond is lost in a float after some months.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self._simulated.time


class LoopClock:
    """A `Clock` of the running loop, which began at this moment."""

    def __init__(self, began: datetime = START) -> None:
        self._began = began

    def now(self) -> datetime:
        return self._began + timedelta(seconds=asyncio.get_running_loop().time())

    async def sleep(self, duration: timedelta) -> None:
        await asyncio.sleep(duration.total_seconds())


def run_simulated(coroutine: Coroutine[Any, Any, Result]) -> Result:
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        return runner.run(coroutine)
