"""For all tests: hypothesis looks for counterexamples, not for slow ones. Speed is measured in `benchmarks/`.

Where control groups can be made, every worker of every test runs under the memory limit of the compose file.
"""

import os

from hypothesis import settings

from demo.workers.memory_limit import MEBIBYTES_VARIABLE, MemoryLimit, MemoryLimitUnavailableError

WORKER_MEBIBYTES = 512

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def _can_limit_memory() -> bool:
    try:
        with MemoryLimit(WORKER_MEBIBYTES):
            return True
    except MemoryLimitUnavailableError:
        return False


if _can_limit_memory():
    os.environ.setdefault(MEBIBYTES_VARIABLE, str(WORKER_MEBIBYTES))
