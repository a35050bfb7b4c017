"""`saving-alerts kill list`: which switches are on."""

import click

from saving_alerts.commands.deployment import settings_or_exit, topics_of
from saving_alerts.commands.running import run
from saving_alerts.domain.kill_switches import KillSwitch
from saving_alerts.ledger.offset_lookup import offset_lookup, partitions_of
from saving_alerts.ledger.topic_reader import Span, read
from saving_alerts.settings import Settings


@click.command("list")
def list_() -> None:
    """List the switches that are on.

    \b
    Example:
      saving-alerts kill list
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    switches = run(_switches(settings_or_exit()))
    for switch in switches:
        print(switch)
    if not switches:
        print("no kill switch is on")


async def _switches(settings: Settings) -> list[KillSwitch]:
    """Read once, and not followed as a worker does: what a worker waits for, this command has to tell."""
    from saving_alerts.adapters.kill_switch_topic import decoded_switch  # noqa: PLC0415 - mode: not for --help

    topic = topics_of(settings).kill_switches.name
    on: dict[bytes | None, KillSwitch] = {}
    async for batch in read(settings.kafka, topic, await _spans(settings, topic)):
        for record in batch:
            if record.value is None:
                on.pop(record.key, None)
            elif switch := decoded_switch(record.value):
                on[record.key] = switch
    return sorted(on.values(), key=lambda switch: switch.key)


async def _spans(settings: Settings, topic: str) -> dict[int, Span]:
    numbers = await partitions_of(settings.kafka, topic)
    async with offset_lookup(settings.kafka) as lookup:
        starts, ends = await lookup.beginnings(topic, numbers), await lookup.ends(topic, numbers)
    return {number: Span(starts[number], ends[number]) for number in numbers}
