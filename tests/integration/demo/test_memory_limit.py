"""The limit under which workers run in tests kills what needs more, and says so."""

import subprocess
import sys

import pytest

from demo.workers.memory_limit import MemoryLimit, MemoryLimitUnavailableError

MEBIBYTES = 64
# Takes the memory only when it is told to: by then it is in the group.
TAKE = "import sys; sys.stdin.readline(); print(len(bytes([1]) * (int(sys.argv[1]) * 1024 * 1024)))"


def exit_code_of_taking(mebibytes: int) -> int:
    command = [sys.executable, "-c", TAKE, str(mebibytes)]
    with (
        MemoryLimit(MEBIBYTES) as limit,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process,
    ):
        limit.add(process.pid)
        process.communicate("\n", timeout=60)
    return process.returncode


def require_limits() -> None:
    try:
        with MemoryLimit(MEBIBYTES):
            pass
    except MemoryLimitUnavailableError as error:
        pytest.skip(str(error))


def test_what_needs_less_ends_well() -> None:
    require_limits()
    assert exit_code_of_taking(MEBIBYTES // 8) == 0


def test_what_needs_more_is_killed_and_it_is_said() -> None:
    require_limits()
    with pytest.raises(RuntimeError, match=f"killed 1 processes that needed more than {MEBIBYTES} MiB"):
        exit_code_of_taking(2 * MEBIBYTES)
