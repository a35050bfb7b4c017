"""`saving-alerts kill on | off`: stop pushes at once, and let them go again."""

import asyncio

import click
import msgspec

from saving_alerts.commands.clock import now
from saving_alerts.commands.deployment import settings_or_exit
from saving_alerts.commands.exits import BadNewsError, CommandRefusedError
from saving_alerts.commands.kill import topic
from saving_alerts.commands.output import say
from saving_alerts.commands.running import run
from saving_alerts.domain.kill_switches import MAX_SWITCH_BYTES, KillScope, KillSwitch, key_of, names_a_scope
from saving_alerts.settings import Settings

IDENTIFIER = click.argument("identifier", required=False, default="", metavar="[ID]")
WAIT = click.option("--wait", is_flag=True, help="Return when every worker has confirmed, by its heartbeat in Redis.")


@click.command()
@click.argument("scope", type=click.Choice([str(scope) for scope in KillScope]))
@IDENTIFIER
@click.option("--reason", required=True, help="Why. It stands on the page and in every decision it causes.")
@click.option("--by", required=True, help="Who.")
@WAIT
def on(scope: str, identifier: str, reason: str, by: str, *, wait: bool) -> None:
    """Turn a switch on. Events that would be pushed end as `killed`.

    \b
    Example:
      saving-alerts kill on merchant m-123 --reason "wrong prices" --by ines --wait

    Exit code: 0, or 1 when not every worker has confirmed in time, or 2 when it could not be done.
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    switch = KillSwitch(scope=_scope(scope, identifier), id=identifier, reason=reason, by=by, since=now())
    value = msgspec.json.encode(switch)
    if len(value) > MAX_SWITCH_BYTES:
        raise CommandRefusedError(f"that is {len(value)} bytes, and {MAX_SWITCH_BYTES} are read: give a shorter reason")
    _write(settings_or_exit(), switch.key.encode(), value, f"on: {switch}", wait=wait)


@click.command()
@click.argument("scope", metavar="SCOPE_OR_NAME")
@IDENTIFIER
@WAIT
def off(scope: str, identifier: str, *, wait: bool) -> None:
    """Turn a switch off: by scope and ID, or by the name that `kill list` shows.

    What stands there and cannot be read is lifted by its name, too.

    \b
    Example:
      saving-alerts kill off merchant m-123
      saving-alerts kill off country:DE --wait

    Exit code: 0, or 1 when nothing of that name is on or not every worker has confirmed in time, or 2 when it could not
    be done.
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    settings = settings_or_exit()
    name = scope
    if identifier or scope in set(KillScope):
        name = key_of(_scope(scope, identifier), identifier)
    key = name.encode() if names_a_scope(name) else _key_named(settings, name)
    _write(settings, key, None, f"off: {name}", wait=wait)


def _scope(scope: str, identifier: str) -> KillScope:
    if scope not in set(KillScope):
        raise CommandRefusedError(f"`{scope}` is no scope: give the name that `kill list` shows, and no ID")
    if (scope == KillScope.ALL) is bool(identifier):
        wanted = "no ID goes with `all`" if identifier else f"`{scope}` needs an ID, like {scope} m-123"
        raise CommandRefusedError(wanted)
    return KillScope(scope)


def _key_named(settings: Settings, name: str) -> bytes:
    """The key of what stands there under a name that is none of this release."""
    key = run(topic.standing(settings)).key_of(name)
    if key is None:
        raise BadNewsError(f"nothing that is on is called {name}: `saving-alerts kill list` shows the names")
    return key


def _write(settings: Settings, key: bytes, value: bytes | None, done: str, *, wait: bool) -> None:
    offset = run(topic.write(settings, key, value))
    say(done)
    if wait:
        from saving_alerts.commands.kill.wait import until_confirmed  # noqa: PLC0415 - Redis's client: --wait only

        say(asyncio.run(until_confirmed(settings, offset)))
