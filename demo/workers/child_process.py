"""Server processes that do not outlive the process that started them."""

import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

# Runs in the child, then becomes the server. A wrapper and not `preexec_fn`, which may deadlock beside other threads.
_DIE_WITH_PARENT = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
if os.getppid() == int(sys.argv[1]):
    os.execvp(sys.argv[2], sys.argv[2:])
"""


def start(
    command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start `command` in `folder`, with everything it prints appended to `output.log` there.

    It gets this process's environment, or exactly the one given.

    On Linux it is killed when this process ends, however that happens, if the main thread starts it (the kernel
    watches the starting thread, and another thread may end long before the process). Ctrl-C does not reach it.
    """
    with (folder / "output.log").open("ab") as output:
        return subprocess.Popen(
            _dying_with_us(command),
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a process at once, paused or not, and wait until it is gone; harmless if it already is."""
    process.kill()
    process.wait()


def log_tail(folder: Path, lines: int = 20) -> str:
    """What the process started in `folder` printed last, for error messages."""
    return "\n".join((folder / "output.log").read_text(errors="replace").splitlines()[-lines:])


def _dying_with_us(command: Sequence[str]) -> list[str]:
    if sys.platform != "linux" or threading.current_thread() is not threading.main_thread():
        return list(command)
    return [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid()), *command]
