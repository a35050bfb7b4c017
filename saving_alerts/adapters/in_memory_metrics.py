"""Metrics in memory, for this worker's own pages; and metrics that are sent to two places."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from time import monotonic
from typing import TypeVar

from saving_alerts.adapters.distributions import Distribution, Summary
from saving_alerts.metric_numbers import are_numbers, number_of
from saving_alerts.metrics import CATALOGUE, Metric, Metrics

Tags = tuple[tuple[str, str], ...]
_Key = tuple[Metric, frozenset[tuple[str, str]]]
_Number = TypeVar("_Number")


class InMemoryMetrics:
    """The Metrics protocol in memory. A call takes constant time; the memory grows with the number of tags only.

    Results are by tags; the tags of one key are sorted by name. `seconds` is the clock of the percentiles.
    """

    def __init__(self, seconds: Callable[[], float] = monotonic) -> None:
        self._seconds = seconds
        self._counters: dict[_Key, int] = {}
        self._gauges: dict[_Key, float] = {}
        self._distributions: dict[_Key, Distribution] = {}

    def count(self, metric: Metric, value: int = 1, **tags: str) -> None:
        key = (metric, frozenset(tags.items()))
        if (number := number_of(metric, value)) is not None:
            self._counters[key] = self._counters.get(key, 0) + int(number)

    def gauge(self, metric: Metric, value: float, **tags: str) -> None:
        if (number := number_of(metric, value)) is not None:
            self._gauges[metric, frozenset(tags.items())] = number

    def observe(self, metric: Metric, value: float, **tags: str) -> None:
        if (number := number_of(metric, value)) is not None:
            self._distribution(metric, tags).add((number,), self._seconds())

    def observe_all(self, metric: Metric, values: Sequence[float], **tags: str) -> None:
        if values and are_numbers(values):
            self._distribution(metric, tags).add(values, self._seconds())
            return
        for value in values:
            self.observe(metric, value, **tags)

    def forget(self, metric: Metric) -> None:
        self._gauges = {key: value for key, value in self._gauges.items() if key[0] is not metric}

    def counters(self, metric: Metric) -> Mapping[Tags, int]:
        return dict(_rows(self._counters, metric))

    def gauges(self, metric: Metric) -> Mapping[Tags, float]:
        """The last value for each combination of tags."""
        return dict(_rows(self._gauges, metric))

    def distributions(self, metric: Metric) -> Mapping[Tags, Summary]:
        now = self._seconds()
        return {tags: distribution.summary(now) for tags, distribution in _rows(self._distributions, metric)}

    def total(self, metric: Metric, **tags: str) -> int:
        """The sum of the counters that have these tags, whatever other tags they have."""
        return sum(value for found, value in self.counters(metric).items() if tags.items() <= dict(found).items())

    def _distribution(self, metric: Metric, tags: Mapping[str, str]) -> Distribution:
        key = (metric, frozenset(tags.items()))
        found = self._distributions.get(key)
        return found or self._distributions.setdefault(key, Distribution(CATALOGUE[metric].buckets))


def _rows(kept: Mapping[_Key, _Number], metric: Metric) -> Iterator[tuple[Tags, _Number]]:
    return ((tuple(sorted(tags)), number) for (found, tags), number in kept.items() if found is metric)


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

    def observe_all(self, metric: Metric, values: Sequence[float], **tags: str) -> None:
        self._first.observe_all(metric, values, **tags)
        self._second.observe_all(metric, values, **tags)

    def forget(self, metric: Metric) -> None:
        self._first.forget(metric)
        self._second.forget(metric)
