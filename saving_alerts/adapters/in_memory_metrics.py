"""Metrics in memory, for this worker's own pages; and metrics that are sent to two places."""

import math
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from saving_alerts.metrics import Metric, Metrics, number_of

RECENT_OBSERVATIONS = 1024  # of each distribution, for its percentiles: bounds the memory

Tags = tuple[tuple[str, str], ...]
_Key = tuple[Metric, frozenset[tuple[str, str]]]
_Number = TypeVar("_Number")


@dataclass(frozen=True, slots=True)
class Summary:
    """A distribution since the start: count and sum, and the percentiles of the last 1,024. In the metric's unit."""

    count: int
    total: float
    p50: float
    p99: float


@dataclass(slots=True)
class _Distribution:
    count: int = 0
    total: float = 0.0
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT_OBSERVATIONS))

    def summary(self) -> Summary:
        ordered = sorted(self.recent)
        return Summary(self.count, self.total, _percentile(ordered, 0.50), _percentile(ordered, 0.99))


class InMemoryMetrics:
    """The Metrics protocol in memory. A call takes constant time; the memory grows with the number of tags only.

    Results are by tags; the tags of one key are sorted by name.
    """

    def __init__(self) -> None:
        self._counters: dict[_Key, int] = {}
        self._gauges: dict[_Key, float] = {}
        self._distributions: dict[_Key, _Distribution] = {}

    def count(self, metric: Metric, value: int = 1, **tags: str) -> None:
        key = (metric, frozenset(tags.items()))
        if (number := number_of(metric, value)) is not None:
            self._counters[key] = self._counters.get(key, 0) + int(number)

    def gauge(self, metric: Metric, value: float, **tags: str) -> None:
        if (number := number_of(metric, value)) is not None:
            self._gauges[metric, frozenset(tags.items())] = number

    def observe(self, metric: Metric, value: float, **tags: str) -> None:
        if (number := number_of(metric, value)) is None:
            return
        key = (metric, frozenset(tags.items()))
        distribution = self._distributions.get(key) or self._distributions.setdefault(key, _Distribution())
        distribution.count += 1
        distribution.total += number
        distribution.recent.append(number)

    def counters(self, metric: Metric) -> Mapping[Tags, int]:
        return dict(_rows(self._counters, metric))

    def gauges(self, metric: Metric) -> Mapping[Tags, float]:
        """The last value for each combination of tags."""
        return dict(_rows(self._gauges, metric))

    def distributions(self, metric: Metric) -> Mapping[Tags, Summary]:
        return {tags: distribution.summary() for tags, distribution in _rows(self._distributions, metric)}

    def total(self, metric: Metric, **tags: str) -> int:
        """The sum of the counters that have these tags, whatever other tags they have."""
        return sum(value for found, value in self.counters(metric).items() if tags.items() <= dict(found).items())


def _rows(kept: Mapping[_Key, _Number], metric: Metric) -> Iterator[tuple[Tags, _Number]]:
    return ((tuple(sorted(tags)), number) for (found, tags), number in kept.items() if found is metric)


def _percentile(ordered: list[float], share: float) -> float:
    """The smallest observation that `share` (0 to 1) of them do not exceed (nearest rank)."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


class TeeMetrics:
    """The Metrics protocol: sends every number to both."""

    def __init__(self, first: Metrics, second: Metrics) -> None:
        self._first = first
        self._second = second

    def count(self, metric: Metric, value: int = 1, **tags: str) -> None:
        self._first.count(metric, value, **tags)
        self._second.count(metric, value, **tags)

    def gauge(self, metric: Metric, value: float, **tags: str) -> None:
        self._first.gauge(metric, value, **tags)
        self._second.gauge(metric, value, **tags)

    def observe(self, metric: Metric, value: float, **tags: str) -> None:
        self._first.observe(metric, value, **tags)
        self._second.observe(metric, value, **tags)
