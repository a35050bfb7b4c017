"""`saving-alerts kill`: stop pushes at once, and let them go again."""

import click

from saving_alerts.commands.lazy_group import LazyCommand, LazyGroup

COMMANDS = {
    "history": LazyCommand(
        "saving_alerts.commands.kill.history:history",
        "List who turned switches on and off, when and why, newest first.",
    ),
    "list": LazyCommand(
        "saving_alerts.commands.kill.show:list_",
        "List the switches that are on, and what cannot be read there and stops pushes all the same.",
    ),
    "off": LazyCommand(
        "saving_alerts.commands.kill.switch:off",
        "Turn a switch off: by scope and ID, or by the name that `kill list` shows.",
    ),
    "on": LazyCommand("saving_alerts.commands.kill.switch:on", "Turn a switch on."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def kill() -> None:
    """Stop pushes at once: all, a merchant's, a rule's, or those of a version of the rules."""
