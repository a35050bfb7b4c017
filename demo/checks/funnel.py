"""How far the events came, and how each one ended, as tables."""

from collections import Counter

from rich.console import Console
from rich.table import Table

from saving_alerts.domain.funnel import funnel
from saving_alerts.domain.reasons import Reason


def show_funnel(console: Console, counts: Counter[Reason]) -> None:
    """From the answers that events ended with; all of them were read."""
    table = Table(title="The funnel", title_justify="left")
    for column in ("stage", "events", "share"):
        table.add_column(column, justify="left" if column == "stage" else "right")
    for step in funnel(counts.total(), counts):
        table.add_row(step.name, f"{step.events:,}", f"{step.share:.2%}")
    console.print(table)


def show_decisions(console: Console, counts: Counter[Reason]) -> None:
    table = Table("decision", "events", title="How every event ended", title_justify="left")
    for reason in Reason:
        table.add_row(reason, f"{counts[reason]:,}", style="dim" if not counts[reason] else "")
    console.print(table)
