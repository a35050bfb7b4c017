"""How far a long command is: one bar for each topic or file that is read."""

from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def progress_bars() -> Progress:
    """On a terminal only, and beside the result: a pipe gets nothing but the result."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


class Watcher:
    """Shows one bar for each topic or file that is read."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars

    def begin(self, name: str, total: int | None) -> Callable[[int], None]:
        """A bar to its end after `total` offsets or lines; None where nobody knows how many there are."""
        task = self._bars.add_task(name, total=total)
        return lambda behind: self._bars.advance(task, behind)
