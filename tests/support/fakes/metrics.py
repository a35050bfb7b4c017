"""Metrics that remember what they were told, and take nothing that is not in the catalogue."""

import math
from dataclasses import dataclass

from saving_alerts.metrics import CATALOGUE, Kind, Metric


@dataclass(frozen=True)
class Said:
    metric: Metric
    value: float
    tags: dict[str, str]


class RecordingMetrics:
    """A `Metrics`. `said` is everything in order. Fails the test that uses a wrong kind, wrong tags or no number."""

    def __init__(self) -> None:
        self.said: list[Said] = []

    def count(self, metric: Metric, value: int = 1, **tags: str) -> None:
        self._say(Kind.COUNT, Said(metric, value, tags))

    def gauge(self, metric: Metric, value: float, **tags: str) -> None:
        self._say(Kind.GAUGE, Said(metric, value, tags))

    def observe(self, metric: Metric, value: float, **tags: str) -> None:
        self._say(Kind.DISTRIBUTION, Said(metric, value, tags))

    def total(self, metric: Metric, **tags: str) -> float:
        """The sum of what was counted under these tags; other tags are not looked at."""
        return sum(said.value for said in self.said if said.metric is metric and tags.items() <= said.tags.items())

    def values(self, metric: Metric) -> list[float]:
        """Every value said for the metric, in order."""
        return [said.value for said in self.said if said.metric is metric]

    def tags(self, metric: Metric, tag: str) -> list[str]:
        """The values of one tag, in order."""
        return [said.tags[tag] for said in self.said if said.metric is metric]

    def _say(self, kind: Kind, said: Said) -> None:
        entry = CATALOGUE[said.metric]
        assert entry.kind is kind, f"{said.metric} is a {entry.kind}, not a {kind}"
        assert type(said.value) in {int, float}, f"{said.metric}: {said.value!r} is no number"
        assert math.isfinite(said.value), f"{said.metric}: {said.value!r} is not finite"
        assert set(said.tags) == set(entry.tags), f"{said.metric} has the tags {entry.tags}, not {tuple(said.tags)}"
        self.said.append(said)
