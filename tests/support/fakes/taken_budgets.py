"""What is taken of budgets, in memory: the part of the fake throttle that is not about one user."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from saving_alerts.domain.budgets import BudgetDay, released
from saving_alerts.ports.throttle import BudgetSpent, OtherDay


@dataclass(slots=True)
class _Taken:
    """So many on the day that ends then, as far as is known since `since`."""

    taken: int
    ends: datetime
    since: datetime


@dataclass(slots=True)
class TakenBudgets:
    """By the budget's name."""

    since: datetime | None = None
    by_name: dict[str, _Taken] = field(default_factory=dict)

    def known_since(self, now: datetime) -> datetime:
        self.since = self.since or now
        return self.since

    def spent(self, days: Sequence[BudgetDay], now: datetime) -> BudgetSpent | OtherDay | None:
        if not all(day.begins <= now < day.ends for day in days):
            return OtherDay()
        full = (BudgetSpent(day, taken) for day in days if (taken := self._of(day, now)) >= released(day, now))
        return next(full, None)

    def take(self, days: Sequence[BudgetDay], now: datetime) -> dict[str, datetime]:
        for day in days:
            self.by_name[day.name] = _Taken(self._of(day, now) + 1, day.ends, self.known_since(now))
        return {day.name: day.ends for day in days}

    def give_back(self, days: Sequence[BudgetDay], parts: Mapping[str, datetime]) -> None:
        for day in days:
            stored = self.by_name.get(day.name)
            if stored and stored.ends == parts.get(day.name) and stored.taken:
                stored.taken -= 1

    def _of(self, day: BudgetDay, now: datetime) -> int:
        stored, since = self.by_name.get(day.name), self.known_since(now)
        goes_on = stored if stored and stored.ends > now else None
        taken = goes_on.taken if goes_on else 0
        if (goes_on and goes_on.since == since) or since <= day.begins:
            return taken
        return max(taken, released(day, since))
