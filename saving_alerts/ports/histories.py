"""What each worker of a deployment has counted by time, also those that are gone."""

from datetime import timedelta
from typing import Protocol

from saving_alerts.domain.history import WorkerHistory

# As long as the page looks back, and a bucket more: then nothing in it is counted any more.
KEPT_FOR = timedelta(hours=25)


class Histories(Protocol):
    """One row for each incarnation. Every call can raise UnavailableError."""

    async def write(self, history: WorkerHistory) -> None:
        """In place of what this incarnation has written before. It is kept for KEPT_FOR."""

    async def read(self) -> tuple[WorkerHistory, ...]:
        """All that can be read; what others wrote there and is none is left out."""


class NoHistories:
    """Nobody keeps any: the worker shows its own."""

    async def write(self, history: WorkerHistory) -> None: ...

    async def read(self) -> tuple[WorkerHistory, ...]:
        return ()
