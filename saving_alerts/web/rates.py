"""How fast counters grow: the same totals, looked at again and again."""

from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta

RATE_WINDOW = timedelta(seconds=60)
SAMPLE_EVERY = timedelta(seconds=1)


class RecentRates:
    """Growth per second over about the last minute; over the time since `started_at` while that is shorter.

    Each look is also a sample, so somebody has to look every few seconds: the heartbeat does.
    """

    def __init__(self, started_at: datetime) -> None:
        self._samples: deque[tuple[datetime, Mapping[str, int]]] = deque([(started_at, {})])

    def look(self, now: datetime, totals: Mapping[str, int]) -> dict[str, float]:
        """The growth per second of each of `totals`, by its name."""
        if now - self._samples[-1][0] >= SAMPLE_EVERY:
            self._samples.append((now, dict(totals)))
        # The base is the youngest sample that is a whole window old, where there is one.
        while len(self._samples) > 1 and now - self._samples[1][0] >= RATE_WINDOW:
            self._samples.popleft()
        since, base = self._samples[0]
        seconds = (now - since).total_seconds()
        return {name: (total - base.get(name, 0)) / seconds if seconds > 0 else 0.0 for name, total in totals.items()}
