"""`saving-alerts events`: for those upstream who write events."""

import click

from saving_alerts.commands.lazy_group import LazyCommand, LazyGroup

COMMANDS = {
    "check": LazyCommand(
        "saving_alerts.commands.events.check:check",
        "Say of each line of a file what a worker would say of such an event.",
    ),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def events() -> None:
    """Check events before they are written to the source.

    \b
    Example:
      saving-alerts events check events.jsonl
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
