"""The kill switches that are on, one row for each person who has turned one on. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from saving_alerts.domain.decoding import Instant
from saving_alerts.domain.kill_switches import StandingSwitch, UnreadableSwitch


@dataclass(frozen=True, slots=True)
class Switch:
    """One person's kill switch that is on; for what stands there and cannot be read, `reason` says so."""

    name: str
    by: str
    since: Instant | None
    until: Instant | None
    reason: str


def switches(standing: Iterable[StandingSwitch]) -> tuple[Switch, ...]:
    """One for each person who has turned one on."""
    return tuple(each for switch in standing for each in _switches(switch))


def _switches(switch: StandingSwitch) -> Iterator[Switch]:
    if isinstance(switch, UnreadableSwitch):
        yield Switch(switch.name, "", None, None, str(switch))
        return
    for each in switch.turned_on:
        yield Switch(switch.name, each.by, each.since, each.until, each.reason)
