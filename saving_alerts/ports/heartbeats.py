"""The rows in which workers tell each other about themselves."""

from datetime import datetime, timedelta
from typing import Protocol

import msgspec


class WorkerRow(msgspec.Struct, frozen=True, kw_only=True):
    """One heartbeat. `partitions` are the source partitions it works on; counts are since its start."""

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
    kill_switches: int | None = None  # how far it has read their topic


class Heartbeats(Protocol):
    """The workers' rows, and the clock of whoever keeps them. Every call can raise UnavailableError."""

    async def time(self) -> datetime:
        """What the clock says by which leases are counted, in UTC."""

    async def beat(self, row: WorkerRow, lives_for: timedelta) -> None:
        """Write this incarnation's row in place of its last one. It vanishes after `lives_for` unless written again."""

    async def workers(self) -> tuple[WorkerRow, ...]:
        """The rows that have not vanished, ordered by name and incarnation."""
