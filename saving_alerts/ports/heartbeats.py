"""The heartbeats of workers: each writes a row that all others can read."""

from datetime import datetime, timedelta
from typing import Protocol

import msgspec


class WorkerRow(msgspec.Struct, frozen=True, kw_only=True):
    """One worker, as of `beaten_at`. `partitions` are its source partitions. Counts are since its start.

    `kill_switches` is the next offset of their topic that it will read; None if it has not read it yet.
    """

    name: str
    incarnation: str
    started_at: datetime
    beaten_at: datetime
    page: str
    version: str
    rules_version: str | None
    merchants_version: str | None
    partitions: tuple[int, ...]
    in_flight: int
    ready: bool
    decisions: dict[str, int]
    events_read: int
    kill_switches: int | None = None


class Heartbeats(Protocol):
    """The workers' rows. Every call can raise UnavailableError."""

    async def beat(self, row: WorkerRow, lives_for: timedelta) -> None:
        """Write the row of this incarnation, in place of its last one. It expires after `lives_for`."""

    async def workers(self) -> tuple[WorkerRow, ...]:
        """The rows that have not expired, ordered by name, and by start within a name."""
