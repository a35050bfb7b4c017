"""A worker that stands still for good says what it saw and exits, so that its supervisor restarts it.

Theory. False alarms are worse than slow ones, so a sign of standstill counts only while nothing at all changes about
it, and only looks are counted, never a clock: a process that was paused for an hour has looked once. A sign that has
its cause in Kafka counts only while Kafka answers: an outage is no fault of this worker.

It looks from a task of its own that starts before the consumer, because Faust's timers start only after the first
assignment and cannot see a join that never ends. Whether that task itself can look is what `StuckLoop` watches.
"""

import logging
import os
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass

from mode import Service

from saving_alerts.exit_codes import RESTART
from saving_alerts.supervision.health import Condition

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
LOOKS_PER_CHECK = 10


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What was seen. As long as `mark` is the same, nothing has moved."""

    mark: Hashable
    text: str


async def _certain(_: Suspicion) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Sign:
    """One way to stand still, and for how many seconds of looking nothing may move.

    `holds` asks others whether the suspicion is this worker's fault, every ten looks: if not, the count begins anew.
    """

    name: str
    look: Callable[[], Suspicion | None]
    patience_seconds: float
    holds: Callable[[Suspicion], Awaitable[bool]] = _certain


@dataclass(slots=True)
class _Watch:
    """How long a sign has been seen unchanged."""

    sign: Sign
    suspicion: Suspicion | None = None
    looks: int = 0

    @property
    def seconds(self) -> float:
        return self.looks * LOOK_SECONDS

    @property
    def is_over(self) -> bool:
        return self.suspicion is not None and self.seconds >= self.sign.patience_seconds

    async def look(self) -> None:
        seen = self.sign.look()
        same = seen is not None and self.suspicion is not None and seen.mark == self.suspicion.mark
        self.suspicion = seen
        self.looks = self.looks + 1 if same else 0
        if seen is not None and (self.is_over or self.looks % LOOKS_PER_CHECK == LOOKS_PER_CHECK - 1):
            await self._check(seen)

    async def _check(self, seen: Suspicion) -> None:
        if not await self.sign.holds(seen):
            self.suspicion, self.looks = None, 0

    def condition(self) -> Condition:
        if self.suspicion is None:
            return Condition(self.sign.name, ok=True, detail="nothing stands still")
        detail = f"{self.suspicion.text}, unchanged for {self.seconds:g} s of {self.sign.patience_seconds:g} s"
        return Condition(self.sign.name, ok=not self.is_over, detail=detail)


class Watchdog(Service):
    """Looks at every sign once a second. `leave` ends the process."""

    def __init__(
        self, signs: Sequence[Sign], leave: Callable[[int], object] = os._exit, look_seconds: float = LOOK_SECONDS
    ) -> None:
        super().__init__()
        self._watches = [_Watch(sign) for sign in signs]
        self._leave = leave
        self._look_seconds = look_seconds

    async def on_start(self) -> None:
        self.add_future(self._watch())

    def conditions(self) -> list[Condition]:
        """For `/health/live`: one for each sign."""
        return [watch.condition() for watch in self._watches]

    async def _watch(self) -> None:
        while not self.should_stop:
            for watch in self._watches:
                await watch.look()
                if watch.is_over and watch.suspicion is not None:
                    self._exit(watch.sign, watch.suspicion)
                    return
            await self.sleep(self._look_seconds)

    def _exit(self, sign: Sign, seen: Suspicion) -> None:
        log.critical(
            "the worker stands still for good and exits to be restarted: %s: %s for %g s",
            sign.name,
            seen.text,
            sign.patience_seconds,
        )
        self._leave(RESTART)
