"""`saving-alerts consent lift`: let pushes go again after consent changes that nobody could read."""

import click
from aiokafka import AIOKafkaProducer

from saving_alerts.commands.deployment import settings_or_exit
from saving_alerts.commands.exits import CommandRefusedError
from saving_alerts.commands.output import confirm, say
from saving_alerts.commands.running import run
from saving_alerts.domain.consent import EVERYONE
from saving_alerts.kafka.client import partition_counts, reaching
from saving_alerts.settings import Settings, variable


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
def lift(*, yes: bool) -> None:
    """Let pushes go again that were stopped because consent changes could not be read.

    First have whoever owns consent write these changes again: nobody here knows who opted out in them. The condition
    `consent` names them. Opt-outs that were read hold on.

    \b
    Example:
      saving-alerts consent lift

    Exit code: 0, or 2 when it could not be done.
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    settings = settings_or_exit()
    if not yes:
        confirm("Have the changes been written again that could not be read?")
    say(f"lifted in {run(_lift(settings))} partitions")


async def _lift(settings: Settings) -> int:
    """In how many partitions. Raises KafkaFailedError."""
    topic = settings.topics.consent
    if topic is None:
        raise CommandRefusedError(f"{variable('consent_topic')} is not set: consent is as the event says")
    partitions = (await partition_counts(settings.kafka)).get(topic.name)
    if partitions is None:
        raise CommandRefusedError(
            f"{topic.name} is missing, or our user may not see it: run `saving-alerts topics create`"
        )
    async with reaching(settings.kafka):
        producer = AIOKafkaProducer(**settings.kafka.options(), acks="all")
        try:
            await producer.start()
            for number in range(partitions):
                await producer.send_and_wait(topic.name, None, key=EVERYONE, partition=number)
        finally:
            await producer.stop()
    return partitions
