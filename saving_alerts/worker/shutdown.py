"""How a worker ends: within its time, and at once when asked twice.

Nothing is lost by an end at once: what is not acknowledged is redelivered.
"""

import logging
import os
import signal
import threading
from typing import Protocol, cast

import faust
from mode import Worker

from saving_alerts.kafka.last_commit import LAST_COMMIT_SECONDS

log = logging.getLogger(__name__)

# Leaving the group, closing the connections and the page (2 s), Faust's own second for the loop.
LEAVING_SECONDS = 3.0
# After the drain.
CLOSING_SECONDS = LAST_COMMIT_SECONDS + LEAVING_SECONDS
SIGNAL_EXIT_CODE = 128

if not hasattr(Worker, "_schedule_shutdown"):
    raise ImportError("this release of mode is not supported: Worker._schedule_shutdown not found")


class HasDrainLimit(Protocol):
    drain_seconds: float


class StoppingWorker(faust.Worker):
    """Faust's would wait for ever for a Kafka that does not answer, and takes no notice of a second signal."""

    stopping = False

    def _schedule_shutdown(self, signal: signal.Signals) -> None:
        if self.stopping:
            _leave(signal, "asked twice")
        self.stopping = True
        limit_seconds = self._drain_seconds() + CLOSING_SECONDS
        timer = threading.Timer(limit_seconds, _leave, (signal, f"{limit_seconds:g} s are over"))
        timer.daemon = True
        timer.start()
        super()._schedule_shutdown(signal)

    def _drain_seconds(self) -> float:
        return cast("HasDrainLimit", self.app).drain_seconds


def _leave(number: signal.Signals, why: str) -> None:
    log.warning("the worker ends at once: %s; what is unfinished is redelivered", why)
    os._exit(SIGNAL_EXIT_CODE + number)
