"""`saving-alerts kill on | off`: stop pushes at once, and let them go again."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import click

from saving_alerts.adapters.standing_switches import StandingSwitches
from saving_alerts.commands.clock import now
from saving_alerts.commands.deployment import settings_or_exit
from saving_alerts.commands.durations import DURATION
from saving_alerts.commands.exits import BadNewsError, CommandRefusedError
from saving_alerts.commands.kill import topic
from saving_alerts.commands.kill.writing import BY, WAIT, Change, change, confirmed, has_overflowed, turned_on_in
from saving_alerts.commands.output import say
from saving_alerts.commands.running import run
from saving_alerts.commands.texts import ID, WRITTEN
from saving_alerts.domain.kill_actions import Action, Turned
from saving_alerts.domain.kill_switches import (
    KillScope,
    KillSwitch,
    StandingSwitch,
    TurnedOn,
    UnreadableSwitch,
    key_of,
    name_of,
    names_a_scope,
    switch_of,
)
from saving_alerts.settings import Settings

# A canary is taken back with `rules canary abort`, which also ends its order.
SCOPES = [str(scope) for scope in KillScope if scope is not KillScope.CANARY]
IDENTIFIER = click.argument("identifier", required=False, default="", metavar="[ID]", type=ID)


@click.command()
@click.argument("scope", type=click.Choice(SCOPES))
@IDENTIFIER
@click.option(
    "--reason", required=True, type=WRITTEN, help="Why. It stands on the page and in every decision it causes."
)
@BY
@click.option("--for", "lasting", type=DURATION, help="It ends by itself after this time, like 2h.")
@click.option("--anyway", is_flag=True, help="Also if S3 has no such rule, merchant or version.")
@WAIT
def on(
    scope: str, identifier: str, reason: str, by: str, lasting: timedelta | None, *, anyway: bool, wait: bool
) -> None:
    """Turn a switch on. Events that would be pushed end as `killed`.

    A rule, a merchant or a version of the rules that S3 does not know is refused. What others have turned on stays on
    beside it.

    \b
    Example:
      saving-alerts kill on merchant m-123 --reason "wrong prices" --by ines --wait
      saving-alerts kill on version 3f2a9c01b7de --reason "three times as many pushes" --by tom
      saving-alerts kill on all --reason "load test" --by tom --for 2h

    Exit code: 0, or 1 when there is no such rule, merchant or version, or not every worker has confirmed in time, or 2
    when it could not be done.
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    of, started = _scope(scope, identifier), now()
    settings = settings_or_exit()
    if not anyway:
        from saving_alerts.commands.kill.existence import refuse_unknown  # noqa: PLC0415 - S3's driver: here only

        refuse_unknown(settings, of, identifier)
    ours = TurnedOn(reason=reason, by=by, since=started, until=started + lasting if lasting else None)
    offset = run(change(settings, _turning_on(of, identifier, ours)))
    say(f"on: {name_of(key_of(of, identifier).encode())} {ours}")
    confirmed(settings, offset, wait=wait)


def _turning_on(scope: KillScope, identifier: str, ours: TurnedOn) -> Change:
    """In place of what the same person has turned on before, and of what has ended."""

    def value(standing: StandingSwitch | None) -> KillSwitch | None:
        kept = [each for each in turned_on_in(standing) if each.by != ours.by and each.stands_at(ours.since)]
        return switch_of(scope, identifier, [*kept, ours])

    def is_done(standing: StandingSwitch | None) -> bool:
        return isinstance(standing, UnreadableSwitch) or ours in turned_on_in(standing)

    action = Action(turned=Turned.ON, by=ours.by, reason=ours.reason, until=ours.until)
    return Change(key_of(scope, identifier).encode(), action, value, is_done)


@click.command()
@click.argument("scope", metavar="SCOPE_OR_NAME", type=ID)
@IDENTIFIER
@click.option("--reason", prompt="Why", type=WRITTEN, help="Why it may be lifted. It stands in the history.")
@click.option("--by", prompt="Who", type=WRITTEN, help="Who. Both are asked for where they are not given.")
@click.option("--of", "owner", type=WRITTEN, help="Whose switch, where several have turned it on. Otherwise your own.")
@WAIT
def off(scope: str, identifier: str, reason: str, by: str, owner: str | None, *, wait: bool) -> None:
    """Turn a switch off: by scope and ID, or by the name that `kill list` shows.

    It lifts your own; if you have none, that of the only person who has turned it on. What others have turned on stays.
    What stands there and cannot be read is lifted by its name, too.

    \b
    Example:
      saving-alerts kill off merchant m-123 --reason "prices are right" --by ines
      saving-alerts kill off all --of tom --reason "tom is asleep, the test is over" --by ines
      saving-alerts kill off country:DE --reason "written by mistake" --by ines --wait

    Exit code: 0, or 1 when nothing of that name is on, when it is others', or when not every worker has confirmed in
    time, or 2 when it could not be done.
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    settings, started = settings_or_exit(), now()
    name = key_of(_scope(scope, identifier), identifier) if identifier or scope in set(KillScope) else scope
    standing = run(topic.standing(settings))
    key = _key_named(standing, name)
    _refuse_canary(settings, key)
    found = standing.by_key.get(key)
    lifted = _lifted(found, by, owner, started)
    offset = run(change(settings, _lifting(key, lifted, by, reason, started), standing))
    say(*_what_became(name, found, lifted, started))
    confirmed(settings, offset, wait=wait)


def _refuse_canary(settings: Settings, key: bytes) -> None:
    """A canary that counts still would go on, or be everybody's."""
    scope, _, canary = key.decode(errors="replace").partition(":")
    if scope == KillScope.CANARY:
        from saving_alerts.commands.kill.existence import refuse_going_on  # noqa: PLC0415 - S3's driver: here only

        refuse_going_on(settings, canary)


def _lifted(found: StandingSwitch | None, by: str, owner: str | None, moment: datetime) -> Sequence[TurnedOn]:
    """What is to be lifted: all of one person's. None of them where it cannot be read."""
    if not isinstance(found, KillSwitch):
        return ()
    standing = [each for each in found.turned_on if each.stands_at(moment)]
    names = list(dict.fromkeys(each.by for each in standing))
    if not names:
        return found.turned_on
    whose = owner or (by if by in names else names[0])
    if whose not in names or (owner is None and whose != by and len(names) > 1):
        told = "; ".join(f"{each}" for each in standing)
        raise BadNewsError(f"it is on {told}. It is not {owner or by}'s: say whose is to be lifted with --of NAME")
    return [each for each in found.turned_on if each.by == whose]


def _lifting(key: bytes, lifted: Sequence[TurnedOn], by: str, reason: str, moment: datetime) -> Change:
    def value(standing: StandingSwitch | None) -> KillSwitch | None:
        if not isinstance(standing, KillSwitch):
            return None
        kept = [each for each in standing.turned_on if each not in lifted and each.stands_at(moment)]
        return switch_of(standing.scope, standing.id, kept)

    def is_done(standing: StandingSwitch | None) -> bool:
        return not (set(lifted) & set(turned_on_in(standing)))

    owners = tuple(dict.fromkeys(each.by for each in lifted))
    return Change(key, Action(turned=Turned.OFF, by=by, reason=reason, of=owners), value, is_done)


def _what_became(name: str, found: StandingSwitch | None, lifted: Sequence[TurnedOn], moment: datetime) -> list[str]:
    lines = [f"off: {name} {each}{'' if each.stands_at(moment) else ', which had ended'}" for each in lifted]
    kept = [each for each in turned_on_in(found) if each not in lifted and each.stands_at(moment)]
    return [*(lines or [f"off: {name}"]), *(f"still on: {name} {each}" for each in kept)]


def _scope(scope: str, identifier: str) -> KillScope:
    if scope not in set(KillScope):
        raise CommandRefusedError(f"`{scope}` is no scope: give the name that `kill list` shows, and no ID")
    if (scope == KillScope.ALL) is bool(identifier):
        wanted = "no ID goes with `all`" if identifier else f"`{scope}` needs an ID, like {scope} m-123"
        raise CommandRefusedError(wanted)
    return KillScope(scope)


def _key_named(standing: StandingSwitches, name: str) -> bytes:
    """The key of what stands there under a name, which may be none of this release."""
    if name.encode() in standing.by_key:
        return name.encode()
    key = standing.key_of(name)
    if key is None and has_overflowed(standing) and names_a_scope(name):
        return name.encode()
    if key is None:
        raise BadNewsError(f"nothing that is on is called {name}: `saving-alerts kill list` shows the names")
    return key
