"""`saving-alerts demo`: where the demo is."""

import click

from saving_alerts.commands.exits import CommandRefusedError


@click.command()
def demo() -> None:
    """Say where the demo is.

    It stands with the sources: it brings servers that no worker needs.
    """
    raise CommandRefusedError(
        "the demo is not installed with a worker: it brings a Kafka, a Redis, an S3 and both APIs of its own",
        "In a clone of the repository run `make demo`.",
    )
