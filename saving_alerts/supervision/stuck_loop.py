"""A thread that ends the process if the event loop is blocked: the watchdog is a task and cannot run then.

The thread counts its looks, not seconds on a clock: in a paused process neither the loop nor the thread runs.
"""

import faulthandler
import logging
import os
import threading
from collections.abc import Callable

from mode import Service

from saving_alerts.exit_codes import RESTART
from saving_alerts.supervision.watchdog import LOOK_SECONDS

STDERR = 2  # its file descriptor
log = logging.getLogger(__name__)


class StuckLoop(Service):
    """Ends the process with RESTART if the event loop was blocked for `patience_seconds`.

    Before that it writes the stack of every thread to stderr. `leave` ends the process.
    """

    def __init__(
        self,
        patience_seconds: float,
        leave: Callable[[int], object] = os._exit,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        super().__init__()
        self._patience_looks = max(2, round(patience_seconds / LOOK_SECONDS))
        self._leave = leave
        self._look_seconds = look_seconds
        self._ticked = threading.Event()
        self._ended = threading.Event()

    async def on_start(self) -> None:
        self.add_future(self._tick())
        threading.Thread(target=self._look, name="stuck loop", daemon=True).start()

    async def on_stop(self) -> None:
        self._ended.set()

    async def _tick(self) -> None:
        while not self.should_stop:
            self._ticked.set()
            await self.sleep(self._look_seconds)

    def _look(self) -> None:
        looks = 0
        while not self._ended.wait(self._look_seconds):
            looks = 0 if self._ticked.is_set() else looks + 1
            self._ticked.clear()
            if looks >= self._patience_looks:
                self._exit()
                return

    def _exit(self) -> None:
        log.critical(
            "the event loop has not turned for %d looks; the worker exits to be restarted", self._patience_looks
        )
        faulthandler.dump_traceback(STDERR, all_threads=True)
        self._leave(RESTART)
