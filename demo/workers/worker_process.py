"""A worker as an operator starts it: a process of its own, through the real command line."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from demo.servers.free_port import FreePort
from demo.workers import child_process
from demo.workers.memory_limit import limit_of_environment
from saving_alerts.exit_codes import RESTART

PROJECT = Path(__file__).resolve().parent.parent.parent
START_TIMEOUT_SECONDS = 60
STOP_TIMEOUT_SECONDS = 40
POLL_SECONDS = 0.05
# On a busy machine a worker answers late: who looks once must not take that for nobody being there. Where nobody
# listens the connection is refused at once.
PAGE_TIMEOUT_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Build:
    """Which code runs, and with whose libraries: the folder that has `saving_alerts`, and an interpreter."""

    folder: Path = PROJECT
    python: str = sys.executable


OURS = Build()


class WorkerProcess:
    """One worker. Its log is `output.log` in its folder, which outlives it for a look afterwards.

    `build` is what the next start runs.

    `beside` are the workers of its group. They are supervised while it is waited for: a group whose member is away
    stays in its rebalance, and with it the worker that is awaited.
    """

    def __init__(
        self, name: str, folder: Path, environment: Mapping[str, str], beside: Sequence["WorkerProcess"] = ()
    ) -> None:
        self.name = name
        self.folder = folder / name
        self.build = OURS
        self._beside = beside
        self._port = FreePort()
        self._process: subprocess.Popen[bytes] | None = None
        self._limit = limit_of_environment()
        self._environment = {
            **environment,
            "SAVING_ALERTS_WORKER_NAME": name,
            "SAVING_ALERTS_WEB_PORT": str(self._port.number),
        }

    @property
    def page(self) -> str:
        return f"http://127.0.0.1:{self._port.number}"

    @property
    def pid(self) -> int:
        return self._running().pid

    def start(self, settings: Mapping[str, str] | None = None) -> None:
        """Start the process, this time with these settings too; `wait_until_ready` waits until it works."""
        self.folder.mkdir(exist_ok=True)
        command = [self.build.python, "-m", "saving_alerts", "worker"]
        environment = {**self._environment, "PYTHONPATH": str(self.build.folder), **(settings or {})}
        self._process = child_process.start(command, self.folder, environment)
        if self._limit:
            self._limit.add(self._process.pid)

    def wait_until_ready(self, timeout_seconds: float = START_TIMEOUT_SECONDS) -> None:
        """Return when it works. Raises RuntimeError with its log if it ends, or is not ready in time."""
        wait_until_ready([self], timeout_seconds)

    def supervise(self) -> None:
        """Start it, and those beside it, again if they have exited to be restarted, as a supervisor would."""
        for worker in (self, *self._beside):
            if worker.has_started and worker.exit_code == RESTART:
                worker.start()

    def is_ready(self) -> bool:
        return bool(self.health().get("ready"))

    def health(self) -> dict[str, Any]:
        """The body of `/health/ready`, whatever its status; empty while the worker does not answer."""
        return self.json("/health/ready")

    def json(self, path: str) -> dict[str, Any]:
        """A JSON page of the worker; empty while nobody listens there, and where no answer comes within 20 s."""
        try:
            with urllib.request.urlopen(self.page + path, timeout=PAGE_TIMEOUT_SECONDS) as answer:  # noqa: S310 - our own page
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            return dict(json.load(error)) if error.headers.get_content_type() == "application/json" else {}
        except (OSError, ValueError):
            return {}

    def terminate(self) -> None:
        self._running().send_signal(signal.SIGTERM)

    def pause(self) -> None:
        """SIGSTOP; on Linux it returns when the worker is paused: a signal is only on its way when kill() returns."""
        self._running().send_signal(signal.SIGSTOP)
        if sys.platform == "linux":
            os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        self._running().send_signal(signal.SIGCONT)

    def wait(self, timeout_seconds: float = STOP_TIMEOUT_SECONDS) -> int:
        """The exit code. Raises subprocess.TimeoutExpired."""
        return self._running().wait(timeout_seconds)

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """None while it runs; minus the signal's number where a signal ended it."""
        return self._running().poll()

    @property
    def has_started(self) -> bool:
        return self._process is not None

    def is_paused(self) -> bool:
        """Whether a signal stopped it, its own or ours. Linux only."""
        found = os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT)
        return found is not None and found.si_code == os.CLD_STOPPED

    def kill(self) -> None:
        if self._process is not None:
            child_process.kill(self._process)

    def stop(self) -> int:
        """SIGTERM and wait; a worker that does not end is killed and that is an error.

        Where it did not end well its log is printed: its folder may be gone when somebody asks why.
        """
        self.terminate()
        try:
            code = self.wait()
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        if code:
            print(f"{self.name} ended with {code}:", child_process.log_tail(self.folder), sep="\n", file=sys.stderr)
        return code

    def log(self) -> str:
        return (self.folder / "output.log").read_text(errors="replace")

    def __enter__(self) -> Self:
        if self._limit:
            self._limit.__enter__()
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._port.close()
        if self._limit:
            self._limit.__exit__(kind, error, trace)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._process


def wait_until_ready(awaited: Sequence[WorkerProcess], timeout_seconds: float = START_TIMEOUT_SECONDS) -> None:
    """Return when `/health/ready` of all awaited workers answers 200. Raises RuntimeError with its log if one ends."""
    give_up_at = time.monotonic() + timeout_seconds
    while waiting := [worker for worker in awaited if not worker.is_ready()]:
        for worker in waiting:
            worker.supervise()
            if worker.exit_code not in (None, RESTART) or time.monotonic() > give_up_at:
                log_tail = child_process.log_tail(worker.folder, 40)
                raise RuntimeError(f"{worker.name} is not ready: {worker.health()}\n{log_tail}")
        time.sleep(POLL_SECONDS)


def command_line(
    arguments: list[str], environment: Mapping[str, str], build: Build = OURS
) -> subprocess.CompletedProcess[str]:
    """Run one of our own commands to its end, as a person would."""
    return subprocess.run(
        [build.python, "-m", "saving_alerts", *arguments],
        env={**environment, "PYTHONPATH": str(build.folder)},
        cwd=build.folder,
        capture_output=True,
        text=True,
        check=False,
    )


def clean_environment() -> dict[str, str]:
    """This process's environment without settings of ours, and with the project on the path."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("SAVING_ALERTS_")}
    return {**ours, "PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1"}
