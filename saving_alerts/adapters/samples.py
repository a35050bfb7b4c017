"""Observations between two flushes: of each series so many at most, evenly chosen, and which share of all they are."""

import threading
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Series = TypeVar("Series", bound=Hashable)


@dataclass(slots=True)
class Sample:
    """Every `every`-th of the observations that were `seen`, the first one included."""

    most: int
    seen: int = 0
    every: int = 1
    kept: list[float] = field(default_factory=list)

    @property
    def share(self) -> float:
        return len(self.kept) / self.seen

    def add(self, values: Sequence[float]) -> None:
        self.kept.extend(values[-self.seen % self.every :: self.every])
        self.seen += len(values)
        while len(self.kept) > self.most:
            self.kept = self.kept[::2]
            self.every *= 2


class Samples(Generic[Series]):
    """Filled by one thread and taken by another; neither waits for more than the other's few lines."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._by_series: dict[Series, Sample] = {}

    def add(self, series: Series, values: Sequence[float]) -> None:
        """At least one finite number."""
        with self._lock:
            sample = self._by_series.get(series)
            if sample is None:
                sample = self._by_series[series] = Sample(self._most)
            sample.add(values)

    def take(self) -> Mapping[Series, Sample]:
        """What was added since the last time."""
        with self._lock:
            taken, self._by_series = self._by_series, {}
        return taken
