"""How far events come: one funnel for the demo, the page of a worker and `stats`."""

from collections.abc import Mapping
from dataclasses import dataclass

from saving_alerts.domain.reasons import FunnelStep, Reason


@dataclass(frozen=True, slots=True)
class StepCount:
    """How many events came at least as far as this step, and which share that is of all that were read."""

    name: str
    events: int
    share: float


def funnel(events_read: int, decisions: Mapping[str, int] | Mapping[Reason, int]) -> tuple[StepCount, ...]:
    """`decisions` are how many events ended with each reason. Before the last step, events on their way count too."""
    steps, left = [], events_read
    for step in FunnelStep:
        left -= sum(decisions.get(reason, 0) for reason in Reason if reason.row.stops_before is step)
        events = decisions.get(Reason.PUSHED, 0) if step is FunnelStep.PUSHED else max(left, 0)
        steps.append(StepCount(step.value, events, events / events_read if events_read else 0.0))
    return tuple(steps)
