"""What waits to be written to one partition, and who waits for it."""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from saving_alerts.delivery.outputs import Output, Undelivered


@dataclass(slots=True, eq=False)
class PendingDelivery:
    """What one call of `deliver` waits for."""

    unfinished: int
    done: asyncio.Future[None]
    undelivered: list[Undelivered] = field(default_factory=list)

    @property
    def is_abandoned(self) -> bool:
        """Whether the caller was cancelled: its partitions go, and nobody waits for these records any more."""
        return self.done.cancelled()

    def finish(self, output: Output, error: Exception | None) -> None:
        if error is not None:
            self.undelivered.append(Undelivered(output, error))
        self.unfinished -= 1
        if self.unfinished == 0 and not self.done.done():
            self.done.set_result(None)


Waiting = tuple[Output, PendingDelivery]


@dataclass(slots=True, eq=False)
class PartitionQueue:
    """The records waiting for one target partition; `task` runs while there are any."""

    topic: str
    partition: int
    waiting: deque[Waiting] = field(default_factory=deque)
    task: asyncio.Task[None] | None = None
    abandoned: int = 0

    def abandon_one(self) -> None:
        """Forget what nobody waits for once it is more than half: a look at each for every one would be too many."""
        self.abandoned += 1
        if 2 * self.abandoned > len(self.waiting):
            self.waiting, self.abandoned = deque(live(self.waiting)), 0


def live(waiting: Iterable[Waiting]) -> Iterator[Waiting]:
    """Those that somebody waits for."""
    return (each for each in waiting if not each[1].is_abandoned)
