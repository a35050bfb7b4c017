"""A limit on the memory of one worker, as a container has it: the kernel kills what needs more.

Linux, and only where this process may make control groups (as root, or in a delegated group). Version 1 and 2.
"""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

MEBIBYTES_VARIABLE = "WORKER_MEMORY_MIB"
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Version:
    """Where control groups of this version are, and how their files are called."""

    root: Path
    limit: str
    kills: str


_VERSIONS = (
    _Version(Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes", "memory.oom_control"),
    _Version(Path("/sys/fs/cgroup"), "memory.max", "memory.events"),
)


class MemoryLimitUnavailableError(Exception):
    """This machine, or this account, cannot limit the memory of a process."""


class MemoryLimit:
    """At most so much memory for all processes that are added. Leaving it raises RuntimeError if one was killed."""

    def __init__(self, mebibytes: int) -> None:
        self._mebibytes = mebibytes

    def __enter__(self) -> Self:
        """Raises MemoryLimitUnavailableError."""
        try:
            self._version = next(each for each in _VERSIONS if (each.root / "cgroup.procs").exists())
            self._folder = Path(tempfile.mkdtemp(prefix="saving-alerts-", dir=self._version.root))
            (self._folder / self._version.limit).write_text(str(self._mebibytes * MEBIBYTE))
        except (StopIteration, OSError) as error:
            raise MemoryLimitUnavailableError(f"no control group can be made here: {error}") from error
        return self

    def add(self, pid: int) -> None:
        """What the process has already is not moved: add it as soon as it has begun."""
        (self._folder / "cgroup.procs").write_text(str(pid))

    @property
    def kills(self) -> int:
        """How many of its processes the kernel has killed for want of memory."""
        lines = (self._folder / self._version.kills).read_text().splitlines()
        return int(dict(line.split() for line in lines)["oom_kill"])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """To be left when its processes have ended."""
        kills = self.kills
        self._folder.rmdir()
        if kills and error is None:
            raise RuntimeError(f"the kernel killed {kills} processes that needed more than {self._mebibytes} MiB")


def limit_of_environment() -> MemoryLimit | None:
    """As `make demo WORKER_MEMORY_MIB=512` wants it for each worker."""
    mebibytes = os.environ.get(MEBIBYTES_VARIABLE)
    return MemoryLimit(int(mebibytes)) if mebibytes else None
