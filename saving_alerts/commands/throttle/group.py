"""`saving-alerts throttle`: what Redis knows of claims and caps."""

import click

from saving_alerts.commands.lazy_group import LazyCommand, LazyGroup

COMMANDS = {
    "refill": LazyCommand(
        "saving_alerts.commands.throttle.refill:refill",
        "Add the sends of the last week to Redis that the Table's changelog on Kafka has and Redis has not.",
    )
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def throttle() -> None:
    """Fill a Redis that has lost its data with what Kafka knows."""
