"""How far a load is: two bars on a terminal, now and then a line elsewhere."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

LINE_EVERY_SECONDS = 10

State = Callable[[], tuple[int, int]]


class Progress:
    """Shows, whenever `show` is called, how many of `planned` events are written and how many are answered."""

    def __init__(self, console: Console, planned: int, state: State) -> None:
        self._console = console
        self._state = state
        self._planned = planned
        self._next_line = time.monotonic() + LINE_EVERY_SECONDS
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bars = Bars(*columns, console=console, disable=not console.is_terminal, transient=True)
        self._tasks = [self._bars.add_task(f"events {done}", total=planned) for done in ("written", "answered")]

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def show(self) -> None:
        state = self._state()
        for task, done in zip(self._tasks, state, strict=True):
            self._bars.update(task, completed=done)
        if not self._console.is_terminal and time.monotonic() >= self._next_line:
            self._next_line += LINE_EVERY_SECONDS
            written, answered = state
            self._console.print(f"{written:,} of {self._planned:,} events written, {answered:,} answered")
