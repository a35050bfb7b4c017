"""Distributions: histograms that add up over workers, and percentiles of the last minutes for a worker's page."""

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

RECENT_OBSERVATIONS = 1024  # of half of the time below, for the percentiles: bounds the memory
RECENT_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Summary:
    """A distribution in the metric's unit.

    Since the start: count, sum, and for each bucket how many were not above its upper end; the last one is infinite.
    `p50` and `p99` are of the last 5 minutes, or 2.5 at least, of at most 2,048 observations; 0 without any.
    """

    count: int
    total: float
    p50: float
    p99: float
    buckets: tuple[tuple[float, int], ...] = ()


def _few() -> deque[float]:
    return deque(maxlen=RECENT_OBSERVATIONS)


@dataclass(slots=True)
class _Recent:
    """The observations of this half of the time, and of the half before."""

    began_at: float = -math.inf
    now: deque[float] = field(default_factory=_few)
    before: deque[float] = field(default_factory=_few)

    def turn(self, seconds: float) -> None:
        """Forget what is too old."""
        age = seconds - self.began_at
        if age > RECENT_SECONDS / 2:
            self.before = self.now if age <= RECENT_SECONDS else _few()
            self.began_at, self.now = seconds, _few()

    def ordered(self) -> list[float]:
        return sorted((*self.before, *self.now))


class Distribution:
    """One distribution. `ends` are the upper ends of its buckets, in order; above them there is one more."""

    def __init__(self, ends: Sequence[float]) -> None:
        self._ends = ends
        self._counts = [0] * (len(ends) + 1)
        self._total = 0.0
        self._recent = _Recent()

    def add(self, values: Sequence[float], seconds: float) -> None:
        """Finite numbers, measured now."""
        counts, ends = self._counts, self._ends
        for value in values:
            counts[bisect_left(ends, value)] += 1
        self._total += sum(values)
        self._recent.turn(seconds)
        self._recent.now.extend(values)

    def summary(self, seconds: float) -> Summary:
        self._recent.turn(seconds)
        ordered = self._recent.ordered()
        buckets = tuple(zip((*self._ends, math.inf), accumulate(self._counts), strict=True))
        return Summary(sum(self._counts), self._total, _percentile(ordered, 0.50), _percentile(ordered, 0.99), buckets)


def _percentile(ordered: list[float], share: float) -> float:
    """The smallest observation that `share` (0 to 1) of them do not exceed (nearest rank); 0 without any."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0
