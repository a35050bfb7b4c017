"""What was counted, by time: of one worker in its memory, and of all that a deployment has had, living or dead.

Each count stands in a bucket of its moment, so what a dead worker had counted stays counted where it happened, and
leaves the last hour when its hour is over. Three resolutions count everything, each by itself. Pure.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from saving_alerts.domain.decoding import Count

MAX_NAMES = 100  # of counts in a bucket: more than there are reasons
Name = Annotated[str, Meta(max_length=64)]
READ, DEAD_LETTERS = "read", "dead_letters"
# A little more than is shown, because the first and the last bucket are not whole.
KEPT = 62


class Resolution(IntEnum):
    """How many seconds a bucket of it has, each a multiple of the finest.

    Of each the last 60 and some are kept: ten minutes, an hour, a day.
    """

    FINE = 10
    MINUTE = 60
    COARSE = 24 * 60

    @property
    def span(self) -> timedelta:
        return timedelta(seconds=60 * self)


class Bucket(msgspec.Struct, frozen=True, array_like=True):
    """What was counted in the seconds from `number` times the resolution on."""

    number: Count
    counts: Annotated[dict[Name, Count], Meta(max_length=MAX_NAMES)]


Buckets = Annotated[tuple[Bucket, ...], Meta(max_length=2 * KEPT)]


class WorkerHistory(msgspec.Struct, frozen=True, kw_only=True):
    """Of one incarnation of a worker, oldest first."""

    incarnation: Annotated[str, Meta(max_length=256)]
    fine: Buckets = ()
    minutes: Buckets = ()
    coarse: Buckets = ()

    def of(self, resolution: Resolution) -> tuple[Bucket, ...]:
        return {Resolution.FINE: self.fine, Resolution.MINUTE: self.minutes, Resolution.COARSE: self.coarse}[resolution]


@dataclass(slots=True)
class CountedByTime:
    """The counts of one worker as they come. The finest bucket becomes part of the others when it is over."""

    _buckets: dict[Resolution, dict[int, Counter[str]]] = field(
        default_factory=lambda: {resolution: {} for resolution in Resolution}
    )
    _present: dict[str, int] = field(default_factory=dict)
    _number: int = 0

    def count(self, name: str, times: int, now: datetime) -> None:
        number = int(now.timestamp()) // Resolution.FINE
        if number != self._number:
            self._put_away()
            self._number = number
        self._present[name] = self._present.get(name, 0) + times

    def history(self, incarnation: str) -> WorkerHistory:
        self._put_away()
        found = {
            resolution: tuple(Bucket(number, dict(counts)) for number, counts in sorted(buckets.items()))
            for resolution, buckets in self._buckets.items()
        }
        return WorkerHistory(
            incarnation=incarnation,
            fine=found[Resolution.FINE],
            minutes=found[Resolution.MINUTE],
            coarse=found[Resolution.COARSE],
        )

    def _put_away(self) -> None:
        if not self._present:
            return
        for resolution, buckets in self._buckets.items():
            number = self._number * Resolution.FINE // resolution
            if number not in buckets:
                buckets[number] = Counter()
                _forget_before(buckets, number - KEPT)
            buckets[number].update(self._present)
        self._present = {}


def _forget_before(buckets: dict[int, Counter[str]], oldest: int) -> None:
    for number in [each for each in buckets if each <= oldest]:
        del buckets[number]


@dataclass(frozen=True, slots=True)
class Deployment:
    """All histories together, as of `now`."""

    histories: Sequence[WorkerHistory]
    now: datetime

    def counts(self, resolution: Resolution, buckets: int) -> Counter[str]:
        """In the last so many buckets of this resolution, of which the present one is not over."""
        newest = self._newest(resolution)
        total: Counter[str] = Counter()
        for bucket in self._in(resolution, newest - buckets + 1, newest):
            total.update(bucket.counts)
        return total

    def line(self, resolution: Resolution, names: Iterable[str], buckets: int = 60) -> tuple[int, ...]:
        """The sum of these counts in each of the last so many buckets, oldest first."""
        newest, wanted = self._newest(resolution), tuple(names)
        first = newest - buckets + 1
        found = [0] * buckets
        for bucket in self._in(resolution, first, newest):
            found[bucket.number - first] += sum(bucket.counts.get(name, 0) for name in wanted)
        return tuple(found)

    def seconds(self, resolution: Resolution, buckets: int) -> float:
        """How long those buckets have lasted by now: for a rate."""
        begin = (self._newest(resolution) - buckets + 1) * resolution
        return max(self.now.timestamp() - begin, 1.0)

    @property
    def since(self) -> datetime | None:
        """When the oldest thing that is counted here happened, as exactly as a bucket says."""
        newest = self._newest(Resolution.COARSE)
        # Others write there too: what lies ahead is no time of ours.
        oldest = min((each.number for each in self._in(Resolution.COARSE, newest - 59, newest)), default=None)
        return None if oldest is None else datetime.fromtimestamp(oldest * Resolution.COARSE, UTC)

    def _newest(self, resolution: Resolution) -> int:
        return int(self.now.timestamp()) // resolution

    def _in(self, resolution: Resolution, first: int, last: int) -> Iterable[Bucket]:
        return (
            bucket for history in self.histories for bucket in history.of(resolution) if first <= bucket.number <= last
        )
