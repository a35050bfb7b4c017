"""Change what stands under one key of the topic, where others may do the same at the same time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import click
import msgspec

from saving_alerts.adapters.standing_switches import StandingSwitches
from saving_alerts.commands.exits import CommandRefusedError
from saving_alerts.commands.kill import topic
from saving_alerts.commands.output import say
from saving_alerts.commands.running import run
from saving_alerts.commands.texts import WRITTEN
from saving_alerts.domain.kill_actions import Action
from saving_alerts.domain.kill_switches import MAX_SWITCH_BYTES, KillSwitch, StandingSwitch, TurnedOn, UnreadableSwitch
from saving_alerts.settings import Settings

ATTEMPTS = 5  # each fails only if somebody else has written to the same key since it was read
BY = click.option("--by", required=True, type=WRITTEN, help="Who.")
WAIT = click.option("--wait", is_flag=True, help="Return when every worker has confirmed, by its heartbeat in Redis.")


@dataclass(frozen=True, slots=True)
class Change:
    """`value` of what stands is to stand instead; `is_done` looks at what stands afterwards."""

    key: bytes
    action: Action
    value: Callable[[StandingSwitch | None], KillSwitch | None]
    is_done: Callable[[StandingSwitch | None], bool]


async def change(settings: Settings, wanted: Change, first: StandingSwitches | None = None) -> int:
    """The offset of its record. `first` is what stands, where it was read already.

    Kafka cannot replace a record only if it is still the same: so it is looked at again, and written again where
    somebody else has overwritten it.
    """
    standing = first or await topic.standing(settings)
    for _ in range(ATTEMPTS):
        value = _encoded(wanted.value(standing.by_key.get(wanted.key)))
        offset = await topic.write(settings, wanted.key, value, wanted.action.headers())
        standing = await topic.standing(settings)
        if has_overflowed(standing) or wanted.is_done(standing.by_key.get(wanted.key)):
            return offset
    raise CommandRefusedError("others change this switch at the same time: look at `saving-alerts kill history`")


def turned_on_in(standing: StandingSwitch | None) -> Sequence[TurnedOn]:
    return standing.turned_on if isinstance(standing, KillSwitch) else ()


def has_overflowed(standing: StandingSwitches) -> bool:
    """Then nobody knows what else is on, and everything is stopped."""
    return any(isinstance(each, UnreadableSwitch) and each.mend for each in standing.listed)


def confirmed(settings: Settings, offset: int, *, wait: bool) -> None:
    if wait:
        from saving_alerts.commands.kill.wait import until_confirmed  # noqa: PLC0415 - Redis's client: --wait only

        say(run(until_confirmed(settings, offset)))


def _encoded(switch: KillSwitch | None) -> bytes | None:
    if switch is None:
        return None
    value = msgspec.json.encode(switch)
    if len(value) > MAX_SWITCH_BYTES:
        raise CommandRefusedError(f"that is {len(value)} bytes, and {MAX_SWITCH_BYTES} are read: give a shorter reason")
    return value
