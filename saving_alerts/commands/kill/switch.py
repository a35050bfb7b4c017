"""`saving-alerts kill on | off`: stop pushes at once, and let them go again."""

import asyncio

import click
import msgspec
from aiokafka import AIOKafkaProducer

from saving_alerts.commands.clock import now
from saving_alerts.commands.deployment import settings_or_exit
from saving_alerts.commands.exits import CommandRefusedError
from saving_alerts.commands.running import run
from saving_alerts.domain.kill_switches import KillScope, KillSwitch, key_of
from saving_alerts.kafka.client import partition_counts, translated_errors
from saving_alerts.settings import Settings

SCOPE = click.argument("scope", type=click.Choice([str(scope) for scope in KillScope]))
IDENTIFIER = click.argument("identifier", required=False, default="", metavar="[ID]")
WAIT = click.option("--wait", is_flag=True, help="Return when every worker has confirmed, by its heartbeat in Redis.")


@click.command()
@SCOPE
@IDENTIFIER
@click.option("--reason", required=True, help="Why. It stands on the page and in every decision it causes.")
@click.option("--by", required=True, help="Who.")
@WAIT
def on(scope: str, identifier: str, reason: str, by: str, *, wait: bool) -> None:
    """Turn a switch on. Events that would be pushed end as `killed`.

    \b
    Example:
      saving-alerts kill on merchant m-123 --reason "wrong prices" --by ines --wait
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    switch = KillSwitch(scope=_scope(scope, identifier), id=identifier, reason=reason, by=by, since=now())
    _write(switch.key, msgspec.json.encode(switch), wait=wait)
    print(f"on: {switch}")


@click.command()
@SCOPE
@IDENTIFIER
@WAIT
def off(scope: str, identifier: str, *, wait: bool) -> None:
    """Turn a switch off.

    \b
    Example:
      saving-alerts kill off merchant m-123
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    key = key_of(_scope(scope, identifier), identifier)
    _write(key, None, wait=wait)
    print(f"off: {key}")


def _scope(scope: str, identifier: str) -> KillScope:
    if (scope == KillScope.ALL) is bool(identifier):
        wanted = "no ID goes with `all`" if identifier else f"`{scope}` needs an ID, like {scope} m-123"
        raise CommandRefusedError(wanted)
    return KillScope(scope)


def _write(key: str, value: bytes | None, *, wait: bool) -> None:
    settings = settings_or_exit()
    offset = run(_produce(settings, key, value))
    if wait:
        from saving_alerts.commands.kill.wait import until_confirmed  # noqa: PLC0415 - Redis's client: --wait only

        asyncio.run(until_confirmed(settings, offset))


async def _produce(settings: Settings, key: str, value: bytes | None) -> int:
    """The offset it got."""
    topic = settings.topics.kill_switches.name
    if topic not in await partition_counts(settings.kafka):
        raise CommandRefusedError(f"{topic} is missing: run `saving-alerts topics create`")
    with translated_errors(f"Kafka at {settings.kafka_bootstrap_servers}"):
        producer = AIOKafkaProducer(**settings.kafka.options(), acks="all")
        await producer.start()
        try:
            written = await producer.send_and_wait(topic, value, key=key.encode(), partition=0)
        finally:
            await producer.stop()
    return int(written.offset)
