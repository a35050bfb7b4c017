"""Less work for Python's cycle collector, which otherwise takes a third of a busy worker's time.

Almost nothing here is part of a cycle. What a worker is made of stays as long as it lives, so it need not be looked at
again; and a batch makes thousands of objects that are gone with it, so it is not worth looking after every 700 of them.
"""

import gc

THRESHOLDS = (20_000, 20, 50)


def relax() -> None:
    """To be called once the app is built."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
