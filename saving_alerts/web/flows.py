"""How much flows through the deployment: the last minutes, the hour, the day. Pure."""

from dataclasses import dataclass

from saving_alerts.domain.history import DEAD_LETTERS, READ, Deployment, Resolution
from saving_alerts.domain.reasons import Reason

SHOWN_BUCKETS = 60


@dataclass(frozen=True, slots=True)
class Flow:
    """How often something happened in the deployment: lately and by minute of the last hour, oldest first."""

    name: str
    minutes_5: int
    hour: int
    day: int
    per_second: float
    by_minute: tuple[int, ...]


def totals_of(deployment: Deployment) -> tuple[int, dict[str, int]]:
    """Events read, and decisions by reason, of the last day."""
    counts = deployment.counts(Resolution.COARSE, SHOWN_BUCKETS)
    return counts[READ], {str(reason): counts[str(reason)] for reason in Reason}


def flows(deployment: Deployment) -> tuple[Flow, ...]:
    """What was read, and each end that an event had in the last day."""
    day = deployment.counts(Resolution.COARSE, SHOWN_BUCKETS)
    names = [READ, *(str(reason) for reason in Reason if day[str(reason)]), DEAD_LETTERS]
    five, hour = (deployment.counts(Resolution.FINE, 30), deployment.counts(Resolution.MINUTE, SHOWN_BUCKETS))
    seconds = deployment.seconds(Resolution.FINE, 30)
    return tuple(
        Flow(
            name=name,
            minutes_5=five[name],
            hour=hour[name],
            day=day[name],
            per_second=five[name] / seconds,
            by_minute=deployment.line(Resolution.MINUTE, [name]),
        )
        for name in names
    )
