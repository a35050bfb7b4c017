"""The clock of a worker. It is an argument wherever time is needed, so that tests can set it."""

from datetime import datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """The only source of time for everything that takes one as an argument."""

    def now(self) -> datetime:
        """The current time, in UTC."""

    async def sleep(self, duration: timedelta) -> None:
        """Return after `duration`."""
