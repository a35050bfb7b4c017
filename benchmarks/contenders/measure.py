"""Measures the contender in its own process: events finished, CPU time and memory."""

import asyncio
import cProfile
import os
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import msgspec

from saving_alerts.domain.decisions import Stage

POLL_SECONDS = 0.05
# Small, because `validate` is ahead of the later stages by then: their remaining work falls into the measurement.
WARM_SHARE = 0.05
KIB_PER_MIB = 1024


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """The input of a contender. With 0 events it works until it is killed and measures nothing.

    `report` is the file it writes when all stages have finished all events; `profile` is a cProfile file of that time.
    """

    contender: str
    stages: tuple[Stage, ...]
    bootstrap_servers: str
    source: str
    prefix: str
    events: int
    report: str
    profile: str | None = None


class Report(msgspec.Struct, frozen=True):
    """What a contender measured of itself, from the moment it was warm to its last event."""

    events: int
    seconds: float
    cpu_seconds: float
    rss_mib: float
    peak_rss_mib: float

    @property
    def events_per_second(self) -> float:
        return self.events / self.seconds

    @property
    def cpu_seconds_per_million(self) -> float:
        return self.cpu_seconds / self.events * 1e6


@dataclass(slots=True)
class Counts:
    """Per stage: records whose outcome is on Kafka, and how many of those were forwarded."""

    finished: Counter[Stage] = field(default_factory=Counter)
    forwarded: Counter[Stage] = field(default_factory=Counter)

    def note(self, stage: Stage, finished: int, forwarded: int) -> None:
        self.finished[stage] += finished
        self.forwarded[stage] += forwarded

    def are_complete(self, events: int, stages: Sequence[Stage]) -> bool:
        """Whether so many events were read and none of them is in flight any more."""
        arrived = all(self.finished[later] == self.forwarded[earlier] for earlier, later in pairwise(stages))
        return arrived and self.finished[stages[0]] == events


@dataclass(frozen=True, slots=True)
class _ProcessSample:
    """Events finished and CPU time of this process at one moment."""

    finished: int
    at_seconds: float
    cpu_seconds: float

    @classmethod
    def now(cls, finished: int) -> "_ProcessSample":
        used = resource.getrusage(resource.RUSAGE_SELF)
        return cls(finished, time.monotonic(), used.ru_utime + used.ru_stime)


async def measure(job: Job, counts: Callable[[], Counts]) -> None:
    """Watch from the moment this process is warm until everything is finished, then write the report."""
    source = job.stages[0]
    await _until(lambda: counts().finished[source] >= job.events * WARM_SHARE)
    warm = _ProcessSample.now(counts().finished[source])
    with _profiled(job.profile):
        await _until(lambda: counts().are_complete(job.events, job.stages))
    _write(job, warm, _ProcessSample.now(job.events))


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - finishing tells nobody: that would cost time in the path measured
        await asyncio.sleep(POLL_SECONDS)


@contextmanager
def _profiled(path: str | None) -> Iterator[None]:
    """Write what this thread did to `path`; nothing without one."""
    if path is None:
        yield
        return
    profile = cProfile.Profile()
    profile.enable()
    yield
    profile.disable()
    profile.dump_stats(path)


def _write(job: Job, warm: _ProcessSample, done: _ProcessSample) -> None:
    memory = resident_mib(os.getpid())
    report = Report(
        events=done.finished - warm.finished,
        seconds=done.at_seconds - warm.at_seconds,
        cpu_seconds=done.cpu_seconds - warm.cpu_seconds,
        rss_mib=memory["VmRSS"],
        peak_rss_mib=memory["VmHWM"],
    )
    path = Path(job.report)
    part = path.with_suffix(".part")
    part.write_bytes(msgspec.json.encode(report))
    part.rename(path)


def resident_mib(pid: int) -> Mapping[str, float]:
    """`VmRSS` (now) and `VmHWM` (highest) of a process, in MiB. Raises OSError when it is gone."""
    lines = [line.split() for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()]
    return {line[0].rstrip(":"): int(line[1]) / KIB_PER_MIB for line in lines if line[0] in {"VmRSS:", "VmHWM:"}}
