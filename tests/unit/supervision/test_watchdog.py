"""A worker that stands still for good exits to be restarted; one that works, waits or was paused does not."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from itertools import chain, count, cycle, repeat

import pytest

from saving_alerts.exit_codes import RESTART
from saving_alerts.supervision.stuck_loop import StuckLoop
from saving_alerts.supervision.watchdog import LOOK_SECONDS, Sign, Suspicion, Watchdog

pytestmark = pytest.mark.asyncio

PATIENCE_LOOKS = 25
LOOKS_TO_BE_SURE = 4 * PATIENCE_LOOKS


class Looks:
    """What a sign sees, look by look; `enough` is done when a standstill would have been seen."""

    def __init__(self, seen: Iterator[Suspicion | None]) -> None:
        self._seen = seen
        self.made = 0
        self.enough: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def look(self) -> Suspicion | None:
        self.made += 1
        if self.made == LOOKS_TO_BE_SURE:
            self.enough.set_result(self.made)
        return next(self._seen)


def stuck_at(*marks: int) -> Iterator[Suspicion | None]:
    return (Suspicion(mark, f"at {mark}") for mark in cycle(marks))


async def left_with(seen: Iterator[Suspicion | None], *, holds: bool = True) -> int | None:
    """The exit code the watchdog leaves with, or None when it stays."""
    left: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    looks = Looks(seen)

    async def check(_: Suspicion) -> bool:
        return holds

    sign = Sign("steps", looks.look, PATIENCE_LOOKS * LOOK_SECONDS, check)
    async with Watchdog([sign], left.set_result, look_seconds=0):
        await asyncio.wait([left, looks.enough], return_when=asyncio.FIRST_COMPLETED)
    return left.result() if left.done() else None


async def test_what_never_moves_ends_the_worker() -> None:
    assert await left_with(stuck_at(7)) == RESTART


async def test_what_begins_to_stand_still_later_ends_the_worker() -> None:
    assert await left_with(chain(repeat(None, 10), stuck_at(7))) == RESTART


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(repeat(None), id="nothing to see"),
        pytest.param(stuck_at(1, 2), id="something moves at every look"),
        pytest.param((Suspicion(number // 20, "slow") for number in count()), id="something moves just in time"),
        pytest.param(cycle([*[Suspicion(1, "held")] * 20, None]), id="it ends now and then"),
    ],
)
async def test_a_worker_that_moves_stays(seen: Iterator[Suspicion | None]) -> None:
    assert await left_with(seen) is None


async def test_a_standstill_that_is_not_this_workers_fault_does_not_count() -> None:
    assert await left_with(stuck_at(7), holds=False) is None


async def test_a_parked_worker_ends_at_the_second_look() -> None:
    left: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async with Watchdog([Sign("coordinator", lambda: Suspicion(1, "parked"), 0.0)], left.set_result):
        assert await asyncio.wait_for(left, 5) == RESTART


async def test_the_page_says_what_was_seen_and_for_how_long() -> None:
    looks = Looks(stuck_at(7))
    watchdog = Watchdog([Sign("steps", looks.look, 1_000_000.0)], lambda _: None, look_seconds=0)

    async with watchdog:
        await looks.enough
        (condition,) = watchdog.conditions()

    assert (condition.name, condition.ok) == ("steps", True)
    assert condition.detail.startswith("at 7, unchanged for ")


def loop_process(body: str) -> "subprocess.Popen[str]":
    """A process whose loop is watched; it prints `ready` when it is."""
    code = f"""
import asyncio, logging, os, time
from saving_alerts.supervision.stuck_loop import StuckLoop

logging.basicConfig()

async def main():
    async with StuckLoop(5.0, look_seconds=0.05):
        print("ready", flush=True)
{textwrap.indent(body, " " * 8)}

asyncio.run(main())
"""
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


async def test_a_stuck_loop_ends_the_process_and_says_where_it_is() -> None:
    with loop_process("time.sleep(60)") as process:
        _, stderr = process.communicate(timeout=30)

    assert process.returncode == RESTART
    assert "the event loop has not turned" in stderr
    assert 'File "<string>"' in stderr


async def test_a_paused_process_is_not_stuck() -> None:
    with loop_process("await asyncio.to_thread(input)") as process:
        assert process.stdout is not None
        process.stdout.readline()
        os.kill(process.pid, signal.SIGSTOP)
        _wait_until_stopped(process.pid)
        os.kill(process.pid, signal.SIGCONT)
        process.communicate("\n", timeout=30)

    assert process.returncode != RESTART


def _wait_until_stopped(pid: int) -> None:
    os.waitid(os.P_PID, pid, os.WSTOPPED)


async def test_a_loop_that_turns_stays() -> None:
    left: list[int] = []
    turned = asyncio.Event()

    # A second without a turn would end it.
    async with StuckLoop(100.0, left.append, look_seconds=0.01):
        asyncio.get_running_loop().call_later(1.5, turned.set)
        await turned.wait()

    assert left == []
