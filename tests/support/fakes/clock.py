"""A clock that only `set`, `advance` and `sleep` move."""

import asyncio
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)


class FakeClock:
    """A `Clock`. `set` and `advance` move it; `sleep` advances it and yields to the loop; `slept` are all durations."""

    def __init__(self, now: datetime = START) -> None:
        self._now = now
        self.slept: list[timedelta] = []

    def now(self) -> datetime:
        return self._now

    def set(self, now: datetime) -> None:
        self._now = now

    def advance(self, duration: timedelta) -> None:
        self._now += duration

    async def sleep(self, duration: timedelta) -> None:
        self.slept.append(duration)
        self.advance(duration)
        await asyncio.sleep(0)
