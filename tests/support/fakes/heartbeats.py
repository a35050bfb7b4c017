"""The Heartbeats port in memory. The contract tests run on it and on Redis."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from saving_alerts.ports.clock import Clock
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.ports.heartbeats import REMEMBERED_FOR, Heard, WorkerRow


class FakeHeartbeats:
    """Rows by `clock`; the time it answers is `ahead` of it.

    Set `down` and every call raises UnavailableError; clear `rows` and Redis has lost all data.
    """

    def __init__(self, clock: Clock) -> None:
        self.down = False
        self.ahead = timedelta(0)
        self.rows: dict[str, tuple[WorkerRow, datetime, datetime]] = {}
        self.unreadable: tuple[str, ...] = ()
        self._clock = clock

    async def time(self) -> datetime:
        self._answer_or_fail()
        return self._clock.now() + self.ahead

    async def beat(self, row: WorkerRow, lives_for: timedelta) -> None:
        self._answer_or_fail()
        now = self._clock.now()
        self.rows[row.incarnation] = (row, now + lives_for, now + max(lives_for, REMEMBERED_FOR))

    async def leave(self, incarnation: str) -> None:
        self._answer_or_fail()
        self.rows.pop(incarnation, None)

    async def workers(self) -> tuple[WorkerRow, ...]:
        return (await self.heard()).rows

    async def heard(self) -> Heard:
        self._answer_or_fail()
        now = self._clock.now()
        alive = [row for row, until, _ in self.rows.values() if now < until]
        silent = [row for row, until, remembered in self.rows.values() if until <= now < remembered]
        return Heard(_ordered(alive), _ordered(silent), self.unreadable)

    def _answer_or_fail(self) -> None:
        if self.down:
            raise UnavailableError("Redis cannot be reached: this fake is down")


def _ordered(rows: Iterable[WorkerRow]) -> tuple[WorkerRow, ...]:
    return tuple(sorted(rows, key=lambda row: (row.name, row.started_at)))
