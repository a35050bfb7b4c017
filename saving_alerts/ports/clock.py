"""The clock of a worker, given as an argument to whatever needs the time."""

from datetime import datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """The only source of time below the composition root."""

    def now(self) -> datetime:
        """This moment, in UTC."""

    async def sleep(self, duration: timedelta) -> None:
        """Come back after `duration`."""
