"""What a drain waits for, and what it lets go (docs/claims.md, "A drain").

While partitions are taken away the whole group waits. So a drain waits for what would cost its user something if it
were cut off: a claim that is taken, an attempt, and the record of what became of it. Whatever else is in work costs
its next owner a little work.
"""

import asyncio
from contextvars import ContextVar
from enum import Enum, auto
from typing import Any
from weakref import WeakSet

# Whatever a stage's task starts counts as it: a record that is tried alone runs in a task of its own.
_work: ContextVar["asyncio.Task[Any] | None"] = ContextVar("work", default=None)


class _State(Enum):
    OPEN = auto()
    DRAINING = auto()
    OVER = auto()  # what nobody waits for has been let go


class Drain:
    """Of one worker, for all its stages. A task between `begin` and `end` is waited for."""

    def __init__(self) -> None:
        self._state = _State.OPEN
        self._waited_for: WeakSet[asyncio.Task[Any]] = WeakSet()

    @staticmethod
    def enter() -> None:
        """The current task is one that a stage waits for, or lets go."""
        _work.set(asyncio.current_task())

    def begin(self, *, anew: bool) -> None:
        """The current task is about to take a claim (`anew`), or to renew one that it keeps.

        Raises CancelledError where the partitions go: no claim is taken then. One that is kept after an unclear attempt
        may still end well, as long as others are waited for.
        """
        if self._state is _State.OVER or (anew and self._state is _State.DRAINING):
            raise asyncio.CancelledError("the partitions go")
        if task := _current():
            self._waited_for.add(task)

    def end(self) -> None:
        """It holds no claim now, or one that is kept: the next owner goes on with the same key."""
        task = _current()
        if task is not None and task in self._waited_for:
            self._waited_for.discard(task)
            if self._state is _State.OVER:
                task.cancel()

    def waits_for(self, task: "asyncio.Task[Any]") -> bool:
        return task in self._waited_for

    def start(self) -> None:
        """The partitions go: nothing begins from now on."""
        if self._state is _State.OPEN:
            self._state = _State.DRAINING

    def let_go(self) -> None:
        """From now on a task that ends what it is waited for is cancelled."""
        self._state = _State.OVER

    def resume(self) -> None:
        """A new assignment begins."""
        self._state = _State.OPEN


def _current() -> "asyncio.Task[Any] | None":
    return _work.get() or asyncio.current_task()
