"""The push API of a made day: it accepts an event once, in time, and counts."""

from dataclasses import dataclass, field
from datetime import datetime

from saving_alerts.domain.budgets import BudgetDay, released


@dataclass(slots=True)
class CountingPushApi:
    """`above`: whether it ever had accepted more than the budget, or than what of it was out."""

    day: BudgetDay
    accepted: set[str] = field(default_factory=set)
    above: bool = False

    def accept(self, event_id: str, now: datetime, not_after: datetime) -> bool:
        """Whether it is accepted now, or was before."""
        if event_id not in self.accepted and now <= not_after:
            self.accepted.add(event_id)
            self.above = self.above or len(self.accepted) > released(self.day, now)
        return event_id in self.accepted
