"""One of our own commands, with the time and the memory that it takes."""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO

from benchmarks.contenders.measure import resident_mib
from demo.workers.worker_process import PROJECT

POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Measured:
    stdout: str
    stderr: str
    exit_code: int
    seconds: float
    peak_mib: float


def measured(arguments: Sequence[str], environment: Mapping[str, str]) -> Measured:
    """Run it to its end."""
    command = [sys.executable, "-m", "saving_alerts", *arguments]
    began, peak_mib = time.monotonic(), 0.0
    with TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        with subprocess.Popen(command, env=dict(environment), cwd=PROJECT, stdout=out, stderr=err) as process:
            while process.poll() is None:
                # Not `getrusage` of the children: that begins with the memory of this process.
                peak_mib = max(peak_mib, resident_mib(process.pid).get("VmHWM", 0.0))
                time.sleep(POLL_SECONDS)
        seconds = time.monotonic() - began
        return Measured(_all_of(out), _all_of(err), process.returncode, seconds, peak_mib)


def _all_of(file: IO[str]) -> str:
    file.seek(0)
    return file.read()
