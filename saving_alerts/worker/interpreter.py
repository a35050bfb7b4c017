"""Python itself, set up for a busy worker: less work for its cycle collector, and no long waits between two threads.

The collector otherwise takes a third of a busy worker's time. Almost nothing here is part of a cycle. What a worker is
made of stays as long as it lives, so it need not be looked at again; and a batch makes thousands of objects that are
gone with it, so it is not worth looking after every 700 of them.

Faust fetches in a second thread, and only one thread runs at a time. By default a thread waits up to 5 ms for
the other one, many times in one fetch: the stages ran out of events meanwhile.
"""

import gc
import sys

THRESHOLDS = (100_000, 20, 50)
TURN_SECONDS = 0.001


def begin() -> None:
    """To be called before a worker is imported: thousands of classes come, none goes, and the collector would look at
    all of them again and again. That is a fifth of the CPU of an import.
    """
    gc.disable()


def tune() -> None:
    """To be called once the app is built. What is garbage by then, 1 % of it, stays: to find it costs 0.1 s."""
    gc.freeze()
    gc.enable()
    gc.set_threshold(*THRESHOLDS)
    sys.setswitchinterval(TURN_SECONDS)
