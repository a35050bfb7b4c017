"""`saving-alerts kill list`: which switches are on."""

import sys

import click

from saving_alerts.commands.deployment import settings_or_exit
from saving_alerts.commands.exits import BAD_NEWS
from saving_alerts.commands.kill import topic
from saving_alerts.commands.output import say
from saving_alerts.commands.running import run
from saving_alerts.domain.kill_switches import UnreadableSwitch


@click.command("list")
def list_() -> None:
    """List the switches that are on, and what cannot be read there and stops pushes all the same.

    \b
    Example:
      saving-alerts kill list

    Exit code: 0, or 1 when something cannot be read, or 2 when the topic could not be read.
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    switches = run(topic.standing(settings_or_exit())).listed
    for switch in switches:
        say(str(switch))
    if not switches:
        say("no kill switch is on")
    if any(isinstance(switch, UnreadableSwitch) for switch in switches):
        sys.exit(BAD_NEWS)
