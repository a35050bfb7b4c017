"""The cluster table as a page needs it: asked for at most once a second, and never in the way of the page."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from saving_alerts.domain.workers import WorkerRow
from saving_alerts.ports import Clock, PortError

CACHED_FOR = timedelta(seconds=1)

AskCluster = Callable[[], Awaitable[Sequence[WorkerRow]]]


@dataclass(frozen=True, slots=True)
class Cluster:
    """The workers that are alive, or none and the `problem` for which nobody knows them."""

    workers: tuple[WorkerRow, ...]
    problem: str | None = None


class CachedCluster:
    """However many look at once, one asks. A failure is an answer too, and kept as long."""

    def __init__(self, ask: AskCluster, clock: Clock) -> None:
        self._ask = ask
        self._clock = clock
        self._asking = asyncio.Lock()
        self._known: Cluster | None = None
        self._known_at: datetime | None = None

    async def now(self) -> Cluster:
        """What is known, at most a second old."""
        async with self._asking:
            if self._known is None or not self._is_recent():
                self._known = await self._answer()
                self._known_at = self._clock.now()
            return self._known

    def _is_recent(self) -> bool:
        return self._known_at is not None and timedelta(0) <= self._clock.now() - self._known_at < CACHED_FOR

    async def _answer(self) -> Cluster:
        try:
            return Cluster(tuple(await self._ask()))
        except PortError as error:
            return Cluster((), str(error))
