"""A contender: one process or more, of one group."""

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.whole.kafka_requests import JOINED, read_counts
from demo.workers import child_process

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
STOP_TIMEOUT_SECONDS = 40
LAST_LINES = 25
# By its path: an older checkout does not have it.
COUNTING = Path(__file__).with_name("kafka_requests.py")


class ContenderError(RuntimeError):
    """A contender ended, or did not finish in time. The text has the end of its output."""


@dataclass(frozen=True, slots=True)
class Sample:
    """At one moment: CPU seconds, all threads, requests to Kafka by kind, and how many processes have joined."""

    at: float
    cpu_seconds: float
    requests: Mapping[str, int]
    joined: int


class Process:
    """It runs in the block, and is stopped at its end."""

    def __init__(self, name: str, folder: Path, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """`folder` is there, and its own."""
        self.name = name
        self._folder = folder
        self._counts = folder / "requests"
        self._command = [sys.executable, "-P", str(COUNTING), str(self._counts), *command]
        self._environment = environment

    def __enter__(self) -> Self:
        self._process = child_process.start(self._command, self._folder, self._environment)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                child_process.kill(self._process)

    def cpu_seconds(self) -> float:
        """Raises ContenderError when it has ended."""
        if self._process.poll() is not None:
            raise ContenderError(self.in_words(f"ended with {self._process.returncode}"))
        fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS

    def requests(self) -> dict[str, int]:
        return read_counts(self._counts) if self._counts.exists() else {}

    def in_words(self, what: str) -> str:
        return f"{self.name} {what}:\n{child_process.log_tail(self._folder, LAST_LINES)}"


class Contender:
    """All of its processes together."""

    def __init__(self, processes: Sequence[Process]) -> None:
        self.processes = processes

    def sample(self) -> Sample:
        """Raises ContenderError when one of them has ended."""
        cpu_seconds = sum(each.cpu_seconds() for each in self.processes)
        counts = [each.requests() for each in self.processes]
        requests = sum(map(Counter, counts), Counter[str]())
        return Sample(time.monotonic(), cpu_seconds, requests, joined=sum(each.get(JOINED, 0) > 0 for each in counts))

    def in_words(self, what: str) -> str:
        return "\n".join(each.in_words(what) for each in self.processes)
