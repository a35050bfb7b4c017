"""What a worker tells the others about itself: its row of the cluster table."""

from datetime import datetime

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
