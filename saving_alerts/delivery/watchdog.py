"""A worker that can never make progress again says what it saw and exits, so that its supervisor restarts it.

An unexpected error in JoinGroup or SyncGroup ends aiokafka's coordinator task. Nobody asks it: the process lives on,
answers its pages, and consumes nothing. It looks from a task of its own that starts before the consumer, because
Faust's timers start only after the first assignment and cannot see a join that never ends.
"""

import logging
import os
from collections.abc import Callable

from mode import Service

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
EXIT_RESTART_ME = 70


class Watchdog(Service):
    """`parked` says why the coordinator stands still for good, or None while it works."""

    def __init__(self, parked: Callable[[], str | None], leave: Callable[[int], object] = os._exit) -> None:
        super().__init__()
        self._parked = parked
        self._leave = leave

    async def on_start(self) -> None:
        self.add_future(self._watch())

    async def _watch(self) -> None:
        while not self.should_stop:
            if why := self._parked():
                log.critical("the worker left its consumer group for good and exits to be restarted: %s", why)
                self._leave(EXIT_RESTART_ME)
                return
            await self.sleep(LOOK_SECONDS)
