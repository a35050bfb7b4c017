"""Waiting for a condition, and reading the pages of a worker."""

import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from demo.workers.worker_process import PAGE_TIMEOUT_SECONDS, WorkerProcess
from saving_alerts.domain.decisions import Stage

POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Page:
    """The response of a page."""

    status: int
    content_type: str
    body: str


def wait_until(condition: Callable[[], bool], timeout_seconds: float, what: str) -> None:
    """Return when `condition` holds. Raises TimeoutError naming `what`."""
    give_up_at = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"not within {timeout_seconds:g} s: {what}")
        time.sleep(POLL_SECONDS)


def page(worker: WorkerProcess, path: str) -> Page:
    """The response of the worker, also with an error status. Raises OSError while the port is closed."""
    try:
        with urllib.request.urlopen(worker.page + path, timeout=PAGE_TIMEOUT_SECONDS) as answer:
            return Page(answer.status, answer.headers.get_content_type(), answer.read().decode())
    except urllib.error.HTTPError as error:
        return Page(error.code, error.headers.get_content_type(), error.read().decode())


def peak_mebibytes(worker: WorkerProcess) -> int:
    """The most memory that the worker has had at a time, in MiB."""
    status = Path(f"/proc/{worker.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def in_flight(worker: WorkerProcess, stage: Stage) -> int:
    """The number of a stage's events that the worker has taken and not finished."""
    return _stage_number(worker, stage, "in_flight")


def taken(worker: WorkerProcess, stage: Stage) -> int:
    """The number of events that a stage of the worker has taken since the worker started."""
    return _stage_number(worker, stage, "taken")


def _stage_number(worker: WorkerProcess, stage: Stage, name: str) -> int:
    stages = worker.json("/stats.json").get("stages", [])
    return next((int(each[name]) for each in stages if each["stage"] == stage), 0)
