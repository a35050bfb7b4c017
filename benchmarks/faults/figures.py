"""What the shoppers felt: pushes that came late, and times in which none came."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from benchmarks.faults.plan import Planned


@dataclass(frozen=True, slots=True)
class Push:
    """Of one event. In seconds since the load began; `accepted` is None if there was none."""

    partition: int
    produced: float
    accepted: float | None


@dataclass(frozen=True, slots=True)
class Gap:
    """A time without a push, in seconds since the load began."""

    began: float
    ended: float

    @property
    def seconds(self) -> float:
        return self.ended - self.began


@dataclass(frozen=True, slots=True)
class Figures:
    """`doubled`: users with more than one push. `partition_gaps`: of each partition the longest."""

    pushes: Sequence[Push]
    doubled: int
    began: float
    ended: float

    @property
    def lost(self) -> int:
        return sum(push.accepted is None for push in self.pushes)

    def gap(self) -> Gap:
        """The longest time in which no partition was worked on."""
        return longest_gap([push.accepted for push in self.pushes if push.accepted is not None], self.began, self.ended)

    def partition_gap(self) -> Gap:
        """The longest time in which some partition was not worked on."""
        gaps = [longest_gap(each, self.began, self.ended) for each in self._by_partition().values()]
        return max(gaps, key=lambda gap: gap.seconds)

    def latency(self, share: float) -> float:
        """From produce to accepted, of this share of the events that were pushed."""
        waited = sorted(push.accepted - push.produced for push in self.pushes if push.accepted is not None)
        return waited[min(len(waited) - 1, int(share * len(waited)))]

    def felt(self, plan: Sequence[Planned]) -> dict[str, Gap]:
        """Of each fault the longest time in which some partition was not worked on and that began with it."""
        named = [planned for planned in plan if planned.name]
        ends = [*(planned.at for planned in named[1:]), self.ended]
        by_partition = self._by_partition().values()
        return {
            planned.name: max(
                (longest_gap(times, planned.at, until) for times in by_partition), key=lambda gap: gap.seconds
            )
            for planned, until in zip(named, ends, strict=True)
        }

    def _by_partition(self) -> Mapping[int, list[float]]:
        found: dict[int, list[float]] = {push.partition: [] for push in self.pushes}
        for push in self.pushes:
            if push.accepted is not None:
                found[push.partition].append(push.accepted)
        return found


def longest_gap(times: Sequence[float], began: float, ended: float) -> Gap:
    """Between these times, from the begin to the end, which count too."""
    marks = [began, *sorted(time for time in times if began < time < ended), ended]
    return max((Gap(*each) for each in pairwise(marks)), key=lambda gap: gap.seconds)
