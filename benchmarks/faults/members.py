"""The processes of a contender: started, killed, paused, and started again when they end."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from benchmarks.faults.by_hand import Job
from demo.workers import child_process
from demo.workers.worker_process import clean_environment, command_line
from demo.world import World

OURS, FORMER, BY_HAND = "ours", "former", "by hand"
PARTITIONS = 12
PROCESSES = 2
GROUP = "saving-alerts"
SETTINGS = {"SAVING_ALERTS_TOPIC_PARTITIONS": str(PARTITIONS), "SAVING_ALERTS_TOPIC_REPLICATION_FACTOR": "3"}


class Member(Protocol):
    """A process of the contender."""

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""

    def start(self) -> None: ...
    def kill(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...


class HandProcess:
    """One process of the contender by hand; its log is `output.log` in its folder."""

    def __init__(self, folder: Path, job: Job) -> None:
        folder.mkdir()
        self._folder = folder
        self._command = [sys.executable, "-m", "benchmarks.faults.by_hand", msgspec.json.encode(job).decode()]
        self._process: subprocess.Popen[bytes]
        self.start()

    def start(self) -> None:
        self._process = child_process.start(self._command, self._folder, clean_environment())

    @property
    def exit_code(self) -> int | None:
        return self._process.poll()

    def kill(self) -> None:
        child_process.kill(self._process)

    def pause(self) -> None:
        os.kill(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self._process.pid, signal.SIGCONT)


def start_members(contender: str, world: World, former: Path | None) -> list[Member]:
    """Its topics are made, its processes are started. Raises RuntimeError when the topics cannot be created."""
    created = command_line(["topics", "create"], {**world.environment, **SETTINGS})
    if created.returncode:
        raise RuntimeError(created.stderr)
    if contender == BY_HAND:
        return [HandProcess(world.folder / f"by-hand-{number}", _job(world)) for number in range(PROCESSES)]
    path: Mapping[str, str] = {"PYTHONPATH": str(former)} if contender == FORMER else {}
    return [world.start_worker({**SETTINGS, **path}) for _ in range(PROCESSES)]


def _job(world: World) -> Job:
    return Job(
        bootstrap_servers=world.bootstrap_servers,
        source=world.topics.source.name,
        group=GROUP,
        redis_url=world.redis.url,
        coupon_api_url=world.coupon_api.url,
        push_api_url=world.push_api.url,
    )
