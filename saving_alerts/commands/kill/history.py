"""`saving-alerts kill history`: who turned what on and off, when and why."""

from collections import deque

import click
from aiokafka import ConsumerRecord

from saving_alerts.adapters.standing_switches import StandingSwitches
from saving_alerts.commands.deployment import settings_or_exit
from saving_alerts.commands.kill import topic
from saving_alerts.commands.output import say
from saving_alerts.commands.running import run
from saving_alerts.domain.kill_actions import Entry, entry_of
from saving_alerts.domain.moments import of_milliseconds

MAX_ENTRIES = 1_000  # the newest: more nobody reads, and they would fill the memory


@click.command()
def history() -> None:
    """List who turned switches on and off, when and why, newest first. Times are UTC.

    It knows what Kafka still has of the topic: 90 days and more, if `topics check` finds nothing.

    \b
    Example:
      saving-alerts kill history
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    found = SwitchHistory()
    run(topic.standing(settings_or_exit(), found))
    say(*(str(entry) for entry in reversed(found.entries)))
    if not found.entries:
        say("no kill switch was ever turned on, as far as Kafka remembers")


class SwitchHistory(StandingSwitches):
    """Also remembers how it came about."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: deque[Entry] = deque(maxlen=MAX_ENTRIES)

    def apply(self, record: ConsumerRecord) -> None:
        key = record.key or b""
        before = self.by_key.get(key)
        super().apply(record)
        self.entries.append(
            entry_of(key, record.headers, of_milliseconds(record.timestamp), before, self.by_key.get(key))
        )
