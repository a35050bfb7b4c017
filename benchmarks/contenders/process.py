"""One contender in a process of its own, and how the benchmark starts it and takes its report."""

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import faust
import msgspec
import uvloop
from faust.cli.faust import cli

from benchmarks.contenders import bare, idiomatic, ours
from benchmarks.contenders.measure import Job, Report
from demo.servers.free_port import FreePort
from demo.workers import child_process
from demo.workers.worker_process import clean_environment
from saving_alerts.worker import interpreter

POLL_SECONDS = 0.05
LAST_LINES = 25

CONTENDERS = ("ours", "idiomatic", "bare")
_FAUST_APPS: Mapping[str, Callable[[Job, int], faust.App]] = {
    "idiomatic": idiomatic.build,
    **dict.fromkeys((ours.OURS, ours.AGENT_AWAY, ours.AGENT_UNKNOWN), ours.build),
    ours.NO_METRICS: ours.build_without_metrics,
}


class ContenderError(RuntimeError):
    """A contender ended, or did not finish in time. The text has the end of its output."""


class ContenderProcess:
    """A contender at work; it is killed at the end of the block."""

    def __init__(self, job: Job, folder: Path) -> None:
        self._job = job
        self._folder = folder
        self._port = FreePort()

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True)
        command = [sys.executable, "-m", "benchmarks.contenders.process", msgspec.json.encode(self._job).decode()]
        self._process = child_process.start([*command, str(self._port.number)], self._folder, clean_environment())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        child_process.kill(self._process)
        self._port.close()

    @property
    def web_port(self) -> int:
        return self._port.number

    def report(self, timeout_seconds: float) -> Report:
        """What it measured. Raises ContenderError."""
        path, give_up_at = Path(self._job.report), time.monotonic() + timeout_seconds
        while not path.exists():
            self.check()
            if time.monotonic() > give_up_at:
                raise ContenderError(self._in_words(f"did not finish within {timeout_seconds:g} s"))
            time.sleep(POLL_SECONDS)
        return msgspec.json.decode(path.read_bytes(), type=Report)

    def check(self) -> None:
        """Raises ContenderError when it has ended without a report."""
        if self._process.poll() is not None and not Path(self._job.report).exists():
            raise ContenderError(self._in_words(f"ended with {self._process.returncode}"))

    def _in_words(self, what: str) -> str:
        return f"{self._job.contender} {what}:\n{child_process.log_tail(self._folder, LAST_LINES)}"


def main() -> None:
    """The child: `python -m benchmarks.contenders.process JOB WEB_PORT`. All contenders run on uvloop, as ours."""
    job, web_port = msgspec.json.decode(sys.argv[1], type=Job), int(sys.argv[2])
    if job.contender == "bare":
        uvloop.run(bare.run(job))
        return
    uvloop.install()
    app = _FAUST_APPS[job.contender](job, web_port)
    app.finalize()
    app.worker_init()
    app.worker_init_post_autodiscover()
    if job.contender != "idiomatic":
        interpreter.tune()  # as `saving-alerts worker` does
    cli(args=["worker", "-l", "info"], app=app, prog_name=job.contender)


if __name__ == "__main__":
    main()
