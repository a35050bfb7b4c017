"""`saving-alerts topics`: create the topics and check how they are set."""

import click

from saving_alerts.commands.lazy_group import LazyCommand, LazyGroup

COMMANDS = {
    "check": LazyCommand(
        "saving_alerts.commands.topics.command:check",
        "Check that all topics are there, equally partitioned, and set as they should be.",
    ),
    "create": LazyCommand(
        "saving_alerts.commands.topics.command:create",
        "Create the topics that are missing; nothing that is there is changed.",
    ),
    "strimzi": LazyCommand(
        "saving_alerts.commands.topics.strimzi_command:strimzi",
        "Write the topics and users as resources of Strimzi's operators.",
    ),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def topics() -> None:
    """Create and check the topics of this deployment."""
