"""`saving-alerts kill`: stop pushes at once, and let them go again."""

import click

from saving_alerts.commands.lazy_group import LazyCommand, LazyGroup

COMMANDS = {
    "list": LazyCommand("saving_alerts.commands.kill.show:list_", "List the switches that are on."),
    "off": LazyCommand("saving_alerts.commands.kill.switch:off", "Turn a switch off."),
    "on": LazyCommand("saving_alerts.commands.kill.switch:on", "Turn a switch on."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def kill() -> None:
    """Stop pushes at once: all, a merchant's, or a rule's."""
