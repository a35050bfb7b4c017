"""A table for a terminal, under its title."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from saving_alerts.commands.output import cell

PLACES = ("committed", "end", "lag", "oldest", "offset", "not committed", "times ill", "held", "expired")
COUNTS = ("events", "share", "per second", "5 min", "hour", "day", "in", "forwarded", "decided", "in flight")
GUARDS = ("hits", "of", "foretold", "limit", "of the evidence")
NUMBERS = frozenset((*COUNTS, *PLACES, *GUARDS, "p50", "p99", "read", "pushed"))


def titled_table(title: str, columns: Sequence[str], rows: Sequence[tuple[str, ...]]) -> RenderableType:
    """Numbers stand to the right. No box: as much as can be fits into the 80 columns of a pipe or a small terminal."""
    justified = (Column(name, justify="right" if name in NUMBERS else "left", overflow="fold") for name in columns)
    table = Table(*justified, box=None, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*map(cell, row))
    return Group(Text(title, style="bold"), table)
