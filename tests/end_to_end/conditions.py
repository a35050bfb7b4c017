"""What the end-to-end tests wait for and look at."""

import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass

from demo.workers.worker_process import WorkerProcess

POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Page:
    """What a page answered."""

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
    """Whatever the worker answers, errors included. Raises OSError while nobody listens."""
    try:
        with urllib.request.urlopen(worker.page + path, timeout=5) as answer:
            return Page(answer.status, answer.headers.get_content_type(), answer.read().decode())
    except urllib.error.HTTPError as error:
        return Page(error.code, error.headers.get_content_type(), error.read().decode())
