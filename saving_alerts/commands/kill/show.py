"""`saving-alerts kill list`: which switches are on."""

import click
from aiokafka import AIOKafkaConsumer

from saving_alerts.commands.deployment import settings_or_exit
from saving_alerts.commands.running import run
from saving_alerts.domain.kill_switches import KillSwitch
from saving_alerts.kafka.client import translated_errors
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
    from saving_alerts.adapters.kill_switch_topic import KillSwitchTopic  # noqa: PLC0415 - mode: not for --help

    topic = settings.topics.kill_switches.name
    with translated_errors(f"Kafka at {settings.kafka_bootstrap_servers}"):
        followed = KillSwitchTopic(lambda: AIOKafkaConsumer(**settings.kafka.options()), topic)
        async with followed:
            return sorted(followed.switches.values(), key=lambda switch: switch.key)
