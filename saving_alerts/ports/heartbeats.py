"""The heartbeats of workers: each writes a row that all others can read."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from saving_alerts.domain.canary.evidence import Evidence
from saving_alerts.domain.decoding import Count, Instant, PartitionNumber

# After its row has expired a worker may only be slow or paused. Only after so long without a word it is known to be
# gone: by then its group has expelled it, and the watchdog of a worker that stands still has ended it.
REMEMBERED_FOR = timedelta(seconds=60)

Text = Annotated[str, Meta(max_length=256)]
MAX_PARTITIONS = 10_000
MAX_REASONS = 1_000
MAX_DETAIL_CHARACTERS = 500
MAX_PROBLEMS = 50
MAX_TOPICS = 20


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A condition of a worker that is not simply ok, as its row tells the others: see `supervision/health.py`."""

    name: Text
    state: Text
    detail: Annotated[str, Meta(max_length=MAX_DETAIL_CHARACTERS)] = ""
    address: Text = ""
    since: Instant | None = None
    times: Count = 0
    held: Count = 0
    expired: Count = 0
    next_try: Instant | None = None


class WorkerRow(msgspec.Struct, frozen=True, kw_only=True):
    """One worker, as of `beaten_at`. `partitions` are its source partitions. Counts are since its start.

    `kill_switches` is the next offset of their topic that it will read; None if it has not read it yet. `member` is its
    member ID in the consumer group; None before it has joined, and in rows of older releases, which do not say their
    `problems` or which partitions of which topic they have either (`owned`). `canary` is the one that counts for it,
    and `evidence` what it has seen of that one itself.
    """

    name: Text
    incarnation: Text
    started_at: Instant
    beaten_at: Instant
    page: Annotated[str, Meta(max_length=2048)]
    version: Text
    rules_version: Text | None
    merchants_version: Text | None
    partitions: Annotated[tuple[PartitionNumber, ...], Meta(max_length=MAX_PARTITIONS)]
    in_flight: Count
    ready: bool
    decisions: Annotated[dict[Text, Count], Meta(max_length=MAX_REASONS)]
    events_read: Count
    kill_switches: Count | None = None  # how far it has read their topic, and obeys what stands there
    member: Text | None = None
    problems: Annotated[tuple[Problem, ...], Meta(max_length=MAX_PROBLEMS)] = ()
    canary: Text | None = None
    evidence: Evidence = Evidence()
    owned: Annotated[dict[Text, tuple[PartitionNumber, ...]], Meta(max_length=MAX_TOPICS)] = {}

    @property
    def link(self) -> str | None:
        """The address of its page, for a browser; None for an address that is none of a page."""
        is_page = self.page.startswith(("http://", "https://")) and self.page.isprintable() and " " not in self.page
        return f"{self.page}/stats" if is_page else None


@dataclass(frozen=True, slots=True)
class Heard:
    """What is known of all workers, each ordered by name and start.

    `rows` have not expired. `silent` are the last rows of workers whose rows have, and which may not be gone yet.
    `unreadable` names what stands among the rows and cannot be read by this release.
    """

    rows: tuple[WorkerRow, ...] = ()
    silent: tuple[WorkerRow, ...] = ()
    unreadable: tuple[str, ...] = ()


class Heartbeats(Protocol):
    """The workers' rows, and the clock of whoever keeps them. Every call can raise UnavailableError."""

    async def time(self) -> datetime:
        """What the clock says by which leases are counted, in UTC."""

    async def beat(self, row: WorkerRow, lives_for: timedelta) -> None:
        """Write the row of this incarnation, in place of its last one. It expires after `lives_for`.

        Then the worker is silent until REMEMBERED_FOR is over, unless it has left.
        """

    async def leave(self, incarnation: str) -> None:
        """Say that it ends as it should: no command waits for it."""

    async def workers(self) -> tuple[WorkerRow, ...]:
        """The rows that have not expired, ordered by name, and by start within a name."""

    async def heard(self) -> Heard:
        """The same, with the silent workers and what cannot be read."""
