"""A Metrics that remembers when things were counted, for the page: the last minutes, the hour, the day."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from saving_alerts.domain.history import DEAD_LETTERS, READ, CountedByTime, WorkerHistory
from saving_alerts.metrics import FORWARDED, Metric

MINUTES_OF_DURATIONS = 5
# A duration is known to within a tenth: what a page shows has no more places.
STEPS_PER_DOUBLING = 8
SHORTEST_SECONDS = 0.0001
LONGEST_STEP = 200  # about an hour


@dataclass(slots=True)
class _Durations:
    """How long things took, in the last minutes, to within a step."""

    by_minute: dict[int, Counter[int]] = field(default_factory=dict)

    def add(self, durations: Iterable[float], minute: int) -> None:
        """In seconds, all of them measured in this minute."""
        if minute not in self.by_minute:
            self.by_minute = {each: steps for each, steps in self.by_minute.items() if _is_recent(each, minute)}
            self.by_minute[minute] = Counter()
        steps = self.by_minute[minute]
        for seconds in durations:
            steps[_step(seconds)] += 1

    def quantile(self, share: float, minute: int) -> float | None:
        """None where nothing was measured in the last minutes."""
        steps: Counter[int] = Counter()
        for each, found in self.by_minute.items():
            if _is_recent(each, minute):
                steps.update(found)
        wanted, seen = share * steps.total(), 0
        for step in sorted(steps):
            seen += steps[step]
            if seen >= wanted:
                return SHORTEST_SECONDS * 2 ** (step / STEPS_PER_DOUBLING)
        return None


def _is_recent(minute: int, now: int) -> bool:
    return now - MINUTES_OF_DURATIONS < minute <= now


def _step(seconds: float) -> int:
    doublings = math.log2(max(seconds, SHORTEST_SECONDS) / SHORTEST_SECONDS)
    return min(math.ceil(doublings * STEPS_PER_DOUBLING), LONGEST_STEP)


class MetricsByTime:
    """The Metrics protocol. Of all that is sent it keeps what the page shows by time; memory and time are bounded."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._counted = CountedByTime()
        self._durations: dict[str, _Durations] = {}

    def count(self, metric: Metric, value: int = 1, **tags: str) -> None:
        if metric is Metric.EVENTS_READ:
            self._counted.count(READ, value, self._now())
        elif metric is Metric.STAGE_OUT and tags.get("decision") != FORWARDED:
            self._counted.count(str(tags.get("decision")), value, self._now())
        elif metric is Metric.DEAD_LETTERS:
            self._counted.count(DEAD_LETTERS, value, self._now())

    def gauge(self, metric: Metric, value: float, **tags: str) -> None:
        """A gauge is how something is now."""

    def observe(self, metric: Metric, value: float, **tags: str) -> None:
        self.observe_all(metric, (value,), **tags)

    def observe_all(self, metric: Metric, values: Sequence[float], **tags: str) -> None:
        if metric is Metric.STAGE_DURATION:
            stage = tags.get("stage", "")
            durations = self._durations.get(stage) or self._durations.setdefault(stage, _Durations())
            durations.add(filter(math.isfinite, values), self._minute)

    def forget(self, metric: Metric) -> None:
        """What was counted stays counted."""

    def history(self, incarnation: str) -> WorkerHistory:
        return self._counted.history(incarnation)

    def quantiles(self, stage: str, shares: Iterable[float]) -> tuple[float | None, ...]:
        """Of the stage's durations in the last five minutes, in seconds; None where there were none."""
        durations = self._durations.get(stage) or _Durations()
        return tuple(durations.quantile(share, self._minute) for share in shares)

    @property
    def _minute(self) -> int:
        return int(self._now().timestamp()) // 60
