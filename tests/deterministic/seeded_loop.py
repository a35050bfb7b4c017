"""An event loop for several processes at once, in virtual time: the same seed gives the same schedule.

What the seed decides: which process goes on next, and in which order timers of the same moment fire. What it leaves:
within a process callbacks run in the order in which they were scheduled, as asyncio promises. Nothing else is
concurrent: no thread, no signal, no socket. Time goes on only where no process has anything to do.

A callback belongs to the process in whose context it was scheduled. A process that is paused keeps what is due; one
that was killed runs nothing any more, not even what stands in its `finally`.
"""

import asyncio
import heapq
import itertools
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from random import Random
from typing import Any, TypeVar

Result = TypeVar("Result")
Work = Generator[Any, None, Result] | Coroutine[Any, Any, Result]
MAX_CALLBACKS = 400_000  # of one universe; the longest need a tenth of it


class DeadlockError(Exception):
    """Nothing is scheduled, and the universe is not done."""


class EndlessError(Exception):
    """A universe without an end: something goes round in circles."""


class SeededTask(asyncio.Task[Any]):
    """Its hash is its number. By its address, sets of tasks would have another order in every run."""

    def __init__(self, loop: "SeededLoop", number: int, work: Work[Any], name: str | None, context: Context) -> None:
        self.number = number
        self.context = context
        super().__init__(work, loop=loop, name=name, context=context)

    def __hash__(self) -> int:
        return self.number


class Process:
    """One process: what it has to do now, and its tasks. `failed` is called with whatever a task raised."""

    def __init__(self, name: str, failed: Callable[[BaseException], object]) -> None:
        self.name = name
        self.failed = failed
        self.is_dead = False
        self.is_paused = False
        self.ready: deque[asyncio.Handle] = deque()
        self.tasks: list[SeededTask] = []
        self.context = copy_context()
        self.context.run(current_process.set, self)

    def kill(self) -> None:
        """It stops where it is."""
        self.is_dead = True
        self.ready.clear()

    def ended(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failed(error)


current_process: ContextVar[Process] = ContextVar("current_process")


def _context_of(handle: asyncio.Handle) -> Context:
    context: Context = handle._context  # type: ignore[attr-defined]
    return context


def _raise(error: BaseException) -> None:
    raise error


class SeededLoop(asyncio.BaseEventLoop):
    """`random` is the one source of chance of its universe. `world` is the process of whatever has none."""

    def __init__(self, seed: int) -> None:
        self.is_over = self._has_begun = False
        super().__init__()
        self.random = Random(seed)
        self.callbacks = 0
        self._now = 0.0
        self._due: list[tuple[float, float, int, asyncio.TimerHandle]] = []
        self._numbers = itertools.count()
        self.world = Process("world", _raise)
        self._all = [self.world]
        self._running = self.world

    def add_process(self, name: str, failed: Callable[[BaseException], object]) -> Process:
        self._all.append(Process(name, failed))
        return self._all[-1]

    def run(self, main: Coroutine[Any, Any, Result]) -> Result:
        """What `main` returns, in the world's process. Raises DeadlockError and EndlessError. The loop is over then."""
        self._has_begun = True
        events._set_running_loop(self)
        try:
            task: asyncio.Task[Result] = self.create_task(main, context=self.world.context)
            while not task.done():
                self._turn()
            return task.result()
        finally:
            self._abandon()
            events._set_running_loop(None)

    def _turn(self) -> None:
        """One callback of one process, or as much time as passes until there is one."""
        able = [each for each in self._all if each.ready and not each.is_paused]
        if not able:
            self._pass_time()
            return
        self._running = able[0] if len(able) == 1 else self.random.choice(able)
        handle = self._running.ready.popleft()
        if not handle.cancelled():
            self.callbacks += 1
            if self.callbacks > MAX_CALLBACKS:
                raise EndlessError(f"{MAX_CALLBACKS} callbacks, and the universe is not done")
            handle._run()

    def _pass_time(self) -> None:
        while self._due and self._due[0][3].cancelled():
            heapq.heappop(self._due)
        if not self._due:
            waiting = [repr(task.get_coro()) for each in self._all for task in each.tasks if not task.done()]
            raise DeadlockError(f"nothing is scheduled and the universe is not done; {len(waiting)} wait: {waiting}")
        self._now = self._due[0][0]
        while self._due and self._due[0][0] <= self._now:
            self._enqueue(heapq.heappop(self._due)[3])

    def _enqueue(self, handle: asyncio.Handle) -> None:
        process = _context_of(handle).get(current_process, self.world)
        if not process.is_dead and not self.is_over:
            process.ready.append(handle)

    def _abandon(self) -> None:
        """Whatever still waits is dropped, and what it does in its `finally` reaches nobody."""
        self.is_over = True
        for process in self._all:
            process.ready.clear()
            for task in process.tasks:
                if not task.done():
                    task._log_destroy_pending = False  # type: ignore[attr-defined]
                    with suppress(BaseException):
                        task.get_coro().close()
            process.tasks.clear()

    def time(self) -> float:
        return self._now

    def call_soon(
        self, callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._enqueue(handle)
        return handle

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(max(when, self._now), callback, args, self, context)
        # Of the same moment: any order, but that of one process which asked for both at once is not told apart either.
        heapq.heappush(self._due, (timer.when(), self.random.random(), next(self._numbers), timer))
        return timer

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)

    def create_task(
        self, coro: Work[Result], *, name: object = None, context: Context | None = None
    ) -> "asyncio.Task[Result]":
        named = None if name is None else str(name)
        context = context or copy_context()
        task = SeededTask(self, next(self._numbers), coro, named, context)
        process = context.get(current_process, self.world)
        process.tasks.append(task)
        # First of all its callbacks: where an error ends the process, none of the others runs.
        task.add_done_callback(process.ended, context=process.context)
        return task

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return self._has_begun and not self.is_over

    def is_closed(self) -> bool:
        return self.is_over

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """What a callback raised: a fault of the process that it belongs to, which nobody else would hear of."""
        if not self.is_over and isinstance(error := context.get("exception"), BaseException):
            self._running.failed(error)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It is skipped when its time comes."""
