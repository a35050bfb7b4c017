"""`saving-alerts consent`: what an operator does about upstream's consent changes."""

import click

from saving_alerts.commands.lazy_group import LazyCommand, LazyGroup

COMMANDS = {
    "lift": LazyCommand(
        "saving_alerts.commands.consent.lift:lift",
        "Let pushes go again that were stopped because consent changes could not be read.",
    ),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def consent() -> None:
    """Go on after consent changes that could not be read."""
