"""The watchdog: a worker that stands still for good logs the reason and exits, so that its supervisor restarts it.

False alarms are worse than slow ones. So a sign counts only as long as nothing about it changes. Time is counted in
looks, not by a clock: a process that was paused for an hour has looked once. Where Kafka can be the cause, a sign
counts only while Kafka answers, because a restart does not end an outage.

The watchdog is a task that starts before the consumer: Faust's timers start after the first assignment, so they cannot
notice a join that never ends. `StuckLoop` notices if the task itself cannot run.
"""

import logging
import os
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass

from mode import Service

from saving_alerts.exit_codes import RESTART
from saving_alerts.supervision.health import Condition

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0  # between two looks at all signs
LOOKS_PER_CHECK = 10  # looks for each question to Kafka, which costs more than a look


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A sign of standstill. While `mark` stays the same, nothing has changed. `text` is for the log and the page."""

    mark: Hashable
    text: str


async def _certain(_: Suspicion) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Sign:
    """One way to stand still.

    `look` returns a suspicion, or None. After `patience_seconds` with the same mark the worker exits. `holds` is called
    every ten looks, and before the exit: if it returns False, this worker is not at fault, and the count starts again.
    """

    name: str
    look: Callable[[], Suspicion | None]
    patience_seconds: float
    holds: Callable[[Suspicion], Awaitable[bool]] = _certain


@dataclass(slots=True)
class _Watch:
    """One sign, its suspicion, and for how many looks that has been unchanged."""

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
        found = self.sign.look()
        same = found is not None and self.suspicion is not None and found.mark == self.suspicion.mark
        self.suspicion = found
        self.looks = self.looks + 1 if same else 0
        if found is not None and (self.is_over or self.looks % LOOKS_PER_CHECK == LOOKS_PER_CHECK - 1):
            await self._check(found)

    async def _check(self, suspicion: Suspicion) -> None:
        if not await self.sign.holds(suspicion):
            self.suspicion, self.looks = None, 0

    def condition(self) -> Condition:
        if self.suspicion is None:
            return Condition(self.sign.name, ok=True, detail="nothing stands still")
        detail = f"{self.suspicion.text}, unchanged for {self.seconds:g} s of {self.sign.patience_seconds:g} s"
        return Condition(self.sign.name, ok=not self.is_over, detail=detail)


class Watchdog(Service):
    """Looks at every sign once a second. `leave` ends the process; it is called with RESTART."""

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

    def _exit(self, sign: Sign, suspicion: Suspicion) -> None:
        log.critical(
            "the worker stands still for good and exits to be restarted: %s: %s for %g s",
            sign.name,
            suspicion.text,
            sign.patience_seconds,
        )
        self._leave(RESTART)
