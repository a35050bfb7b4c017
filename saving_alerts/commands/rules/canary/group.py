"""`saving-alerts rules canary`: rules that are tried on some of the users."""

import click

from saving_alerts.commands.lazy_group import LazyCommand, LazyGroup

COMMANDS = {
    "abort": LazyCommand(
        "saving_alerts.commands.rules.canary.commands:abort",
        "Take it back: everybody has the other rules at once, and alerts that it has made end as `killed`.",
    ),
    "promote": LazyCommand(
        "saving_alerts.commands.rules.canary.commands:promote",
        "Make it everybody's now, or write down that its time is over.",
    ),
    "status": LazyCommand(
        "saving_alerts.commands.rules.canary.commands:status",
        "Say what is tried, on whom, until when, and what its guards have seen.",
    ),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def canary() -> None:
    """Look at rules that are tried on some of the users, make them everybody's, or take them back.

    \b
    Example:
      saving-alerts rules canary status
      saving-alerts rules canary abort --by tom --note "too loud"
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
