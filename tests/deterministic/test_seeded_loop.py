"""The same seed gives the same schedule; time costs nothing and never goes back; a process can stop at any place."""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

import pytest

from tests.deterministic.seeded_loop import DeadlockError, EndlessError, Process, SeededLoop

HOURS = 3600.0


def nothing(_: BaseException) -> None: ...


class Told:
    """What processes say, and when."""

    def __init__(self, seed: int) -> None:
        self.loop = SeededLoop(seed)
        self.said: list[tuple[float, str]] = []

    def start(self, name: str, work: Coroutine[Any, Any, object]) -> Process:
        process = self.loop.add_process(name, nothing)
        self.loop.create_task(work, context=process.context)
        return process

    def say(self, text: str) -> None:
        self.said.append((self.loop.time(), text))

    async def count(self, name: str) -> None:
        for number in range(5):
            await asyncio.sleep(0 if number % 2 else 1)
            self.say(f"{name}{number}")

    async def all_done(self, seconds: float = HOURS) -> None:
        await asyncio.sleep(seconds)


def three_counters(seed: int) -> list[tuple[float, str]]:
    told = Told(seed)
    for name in "abc":
        told.start(name, told.count(name))
    told.loop.run(told.all_done())
    return told.said


def test_the_same_seed_gives_the_same_schedule() -> None:
    assert three_counters(5) == three_counters(5)


def test_other_seeds_give_other_schedules() -> None:
    assert len({tuple(three_counters(seed)) for seed in range(20)}) > 10


def test_within_a_process_callbacks_run_in_the_order_they_were_scheduled() -> None:
    told = Told(1)

    async def schedule() -> None:
        for number in range(20):
            asyncio.get_running_loop().call_soon(told.say, str(number))

    told.start("a", schedule())
    told.loop.run(told.all_done())

    assert [text for _, text in told.said] == [str(number) for number in range(20)]


def test_virtual_time_costs_nothing_and_never_goes_back() -> None:
    began = time.monotonic()
    said = three_counters(2)

    assert [moment for moment, _ in said] == sorted(moment for moment, _ in said)
    assert time.monotonic() - began < HOURS / 1000


def test_a_deadlock_is_named() -> None:
    async def waits_for_nobody() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(DeadlockError, match=r"nothing is scheduled and the universe is not done.*waits_for_nobody"):
        SeededLoop(1).run(waits_for_nobody())


def test_a_circle_is_named() -> None:
    async def circle() -> None:
        while True:  # noqa: ASYNC110 - the point of it
            await asyncio.sleep(0)

    with pytest.raises(EndlessError):
        SeededLoop(1).run(circle())


def test_a_killed_process_runs_nothing_any_more() -> None:
    told = Told(3)

    async def work() -> None:
        try:
            await told.count("a")
        finally:
            told.say("its finally")

    async def kill(process: Process) -> None:
        await asyncio.sleep(2.5)
        process.kill()
        await asyncio.sleep(HOURS)

    told.loop.run(kill(told.start("a", work())))

    assert [text for _, text in told.said if text != "its finally"] == ["a0", "a1", "a2", "a3"]
    assert told.loop.is_over


def test_what_a_killed_process_awaited_is_closed_only_when_all_is_over() -> None:
    told = Told(3)
    overs: list[bool] = []

    async def work() -> None:
        try:
            await asyncio.sleep(HOURS)
        finally:
            overs.append(told.loop.is_over)

    async def kill(process: Process) -> None:
        await asyncio.sleep(1)
        process.kill()
        await asyncio.sleep(2 * HOURS)

    told.loop.run(kill(told.start("a", work())))

    assert overs == [True]


def test_a_paused_process_sleeps_while_the_world_goes_on() -> None:
    told = Told(4)

    async def pause(process: Process) -> None:
        await asyncio.sleep(0.5)
        process.is_paused = True
        await asyncio.sleep(100)
        process.is_paused = False
        await asyncio.sleep(HOURS)

    told.start("b", told.count("b"))
    told.loop.run(pause(told.start("a", told.count("a"))))

    assert {moment for moment, text in told.said if text.startswith("b")} == {1, 2, 3}
    assert min(moment for moment, text in told.said if text.startswith("a")) == 100.5


def test_what_a_task_raises_is_told_before_anybody_else_hears_of_it() -> None:
    loop, failures = SeededLoop(1), list[str]()

    def failed(error: BaseException) -> None:
        failures.append(repr(error))
        process.kill()

    process = loop.add_process("a", failed)

    async def fail() -> None:
        raise ZeroDivisionError("a bug")

    async def world() -> None:
        task = loop.create_task(fail(), context=process.context)
        task.add_done_callback(lambda _: failures.append("too late"), context=process.context)
        await asyncio.sleep(1)

    loop.run(world())

    assert failures == ["ZeroDivisionError('a bug')"]


def test_timeouts_and_locks_of_asyncio_work_in_it() -> None:
    async def work() -> list[float]:
        loop, lock = asyncio.get_running_loop(), asyncio.Lock()
        moments = []
        async with lock:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(7):
                    await lock.acquire()
            moments.append(loop.time())
            await asyncio.wait([asyncio.ensure_future(asyncio.sleep(HOURS))], timeout=5)
        return [*moments, loop.time()]

    assert SeededLoop(1).run(work()) == [7, 12]
