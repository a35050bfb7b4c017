"""The Heartbeats port in memory. The contract tests run on it and on Redis."""

from datetime import datetime, timedelta

from saving_alerts.ports.clock import Clock
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.ports.heartbeats import WorkerRow


class FakeHeartbeats:
    """Rows by `clock`. Set `down` and every call raises UnavailableError; clear `rows` and Redis has lost all data."""

    def __init__(self, clock: Clock) -> None:
        self.down = False
        self.rows: dict[str, tuple[WorkerRow, datetime]] = {}
        self._clock = clock

    async def beat(self, row: WorkerRow, lives_for: timedelta) -> None:
        self._answer_or_fail()
        self.rows[row.incarnation] = (row, self._clock.now() + lives_for)

    async def workers(self) -> tuple[WorkerRow, ...]:
        self._answer_or_fail()
        now = self._clock.now()
        alive = [row for row, until in self.rows.values() if now < until]
        return tuple(sorted(alive, key=lambda row: (row.name, row.started_at)))

    def _answer_or_fail(self) -> None:
        if self.down:
            raise UnavailableError("Redis cannot be reached: this fake is down")
