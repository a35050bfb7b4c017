"""How many events reach each step: one funnel for the demo, the page of a worker and `stats`."""

from collections.abc import Mapping
from dataclasses import dataclass

from saving_alerts.domain.reasons import FunnelStep, Reason


@dataclass(frozen=True, slots=True)
class StepCount:
    """How many events reached this step, and which share (0 to 1) that is of all that were read."""

    name: str
    events: int
    share: float


def funnel(events_read: int, decisions: Mapping[str, int] | Mapping[Reason, int]) -> tuple[StepCount, ...]:
    """Every step in order. `decisions`: how many events ended with each reason.

    An event without a decision yet counts for every step but the last one.
    """
    steps, left = [], events_read
    for step in FunnelStep:
        left -= sum(decisions.get(reason, 0) for reason in Reason if reason.row.stops_before is step)
        events = decisions.get(Reason.PUSHED, 0) if step is FunnelStep.PUSHED else max(left, 0)
        steps.append(StepCount(step.value, events, events / events_read if events_read else 0.0))
    return tuple(steps)
