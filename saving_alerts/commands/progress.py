"""How far a long command is: one bar per topic that is read."""

from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def progress_bars() -> Progress:
    """On a terminal only, and beside the result: a pipe gets nothing but the result."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


class Watcher:
    """Shows one bar per topic that is read."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars

    def begin(self, topic: str, offsets: int) -> Callable[[int], None]:
        task = self._bars.add_task(topic, total=offsets)
        return lambda behind: self._bars.advance(task, behind)
