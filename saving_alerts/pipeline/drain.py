"""What a drain waits for, and what it lets go (docs/claims.md, "A drain").

While partitions are taken away the whole group waits. So a drain waits for what would cost its user something if it
were cut off: a claim that is taken, an attempt, and the record of what became of it. Whatever else is in work costs
its next owner a little work.
"""

import asyncio
from contextvars import ContextVar
from typing import Any
from weakref import WeakSet

# Whatever a stage's task starts counts as it: a record that is tried alone runs in a task of its own.
_work: ContextVar["asyncio.Task[Any] | None"] = ContextVar("work", default=None)


class Drain:
    """Of one worker, for all its stages. A task between `begin` and `end` is waited for."""

    def __init__(self) -> None:
        self._let_go_at: float | None = None  # by the loop's clock; None: no drain
        self._waited_for: WeakSet[asyncio.Task[Any]] = WeakSet()

    @staticmethod
    def enter() -> "asyncio.Task[Any] | None":
        """The current task is one that a stage waits for, or lets go. Returns it."""
        task = asyncio.current_task()
        _work.set(task)
        return task

    def begin(self, *, anew: bool) -> None:
        """The current task is about to take a claim (`anew`), or to renew one that it keeps.

        Raises CancelledError where the partitions go: no claim is taken then. One that is kept after an unclear attempt
        may still end well, as long as others are waited for.
        """
        if self._is_over() or (anew and self._let_go_at is not None):
            raise asyncio.CancelledError("the partitions go")
        if task := _current():
            self._waited_for.add(task)

    def end(self) -> None:
        """It holds no claim now, or one that is kept: the next owner goes on with the same key."""
        task = _current()
        if task is not None and task in self._waited_for:
            self._waited_for.discard(task)
            if self._is_over():
                task.cancel()

    def waits_for(self, task: "asyncio.Task[Any]") -> bool:
        return task in self._waited_for

    def start(self, grace_seconds: float) -> float:
        """The partitions go: nothing begins from now on, and who is not waited for is let go after so many seconds.

        Returns how many are left: the first stage that drains says it for all. A task that ends later what it is waited
        for is cancelled then.
        """
        now = asyncio.get_running_loop().time()
        if self._let_go_at is None:
            self._let_go_at = now + grace_seconds
        return max(0.0, self._let_go_at - now)

    def resume(self) -> None:
        """A new assignment begins."""
        self._let_go_at = None

    def _is_over(self) -> bool:
        return self._let_go_at is not None and asyncio.get_running_loop().time() >= self._let_go_at


def _current() -> "asyncio.Task[Any] | None":
    return _work.get() or asyncio.current_task()
