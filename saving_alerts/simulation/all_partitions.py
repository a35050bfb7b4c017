"""What the partitions of a simulation have in common: budgets, and which gathering ends next."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heappop, heappush

from saving_alerts.simulation.budgets import ReplayedBudgets

End = Callable[[], None]


class DueGatherings:
    """In the order of time, as workers end them. Few: those of one moment of the simulated time."""

    def __init__(self) -> None:
        self._due: list[tuple[datetime, int, End]] = []
        self._number = 0

    def add(self, ends_at: datetime, end: End) -> None:
        """`end` is called once, when it is due. Of two at the same moment the one that was added first ends first."""
        self._number += 1
        heappush(self._due, (ends_at, self._number, end))

    def end(self, until: datetime | None) -> None:
        """All that are over at this moment, and at the end (None) all."""
        while self._due and (until is None or self._due[0][0] <= until):
            _, _, end = heappop(self._due)
            end()


@dataclass(frozen=True, slots=True)
class AllPartitions:
    """Of one rule set."""

    budgets: ReplayedBudgets
    gatherings: DueGatherings = field(default_factory=DueGatherings)
