"""`saving-alerts kill list`: which switches are on."""

import sys

import click

from saving_alerts.commands.clock import now
from saving_alerts.commands.deployment import settings_or_exit
from saving_alerts.commands.exits import BAD_NEWS
from saving_alerts.commands.kill import topic
from saving_alerts.commands.output import say
from saving_alerts.commands.running import run
from saving_alerts.domain.kill_switches import StandingSwitch, UnreadableSwitch, standing_at


@click.command("list")
def list_() -> None:
    """List the switches that are on, and what cannot be read there and stops pushes all the same.

    \b
    Example:
      saving-alerts kill list

    Exit code: 0, or 1 when something cannot be read, or 2 when the topic could not be read.
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    switches = standing_at(run(topic.standing(settings_or_exit())).listed, now())
    for switch in switches:
        say(*_lines(switch))
    if not switches:
        say("no kill switch is on")
    if any(isinstance(switch, UnreadableSwitch) for switch in switches):
        sys.exit(BAD_NEWS)


def _lines(switch: StandingSwitch) -> list[str]:
    """One for everybody who has turned it on."""
    if isinstance(switch, UnreadableSwitch):
        return [str(switch)]
    return [f"{switch.name} {each}" for each in switch.turned_on]
