"""What replayed pushes take of budgets, over all partitions: as `budgets.lua` counts."""

from collections import Counter
from datetime import datetime

from saving_alerts.domain.budgets import BudgetDay, budget_days, released
from saving_alerts.reference_data.snapshot import Snapshot


class ReplayedBudgets:
    """Of one rule set. Of the day on which the replay begins (`since`) what was out by then counts as taken."""

    def __init__(self, snapshot: Snapshot, since: datetime) -> None:
        self._snapshot = snapshot
        self._since = since
        self._taken: Counter[tuple[str, datetime]] = Counter()

    def spent(self, rule_id: str, merchant_id: str, at: datetime) -> str | None:
        """The first budget that has nothing left for now, by its name."""
        full = (day for day in self._days(rule_id, merchant_id, at) if self._of(day) >= released(day, at))
        return next((day.name for day in full), None)

    def take(self, rule_id: str, merchant_id: str, at: datetime) -> None:
        self._taken.update((day.name, day.begins) for day in self._days(rule_id, merchant_id, at))

    def _of(self, day: BudgetDay) -> int:
        before = released(day, self._since) if day.begins < self._since < day.ends else 0
        return before + self._taken[day.name, day.begins]

    def _days(self, rule_id: str, merchant_id: str, at: datetime) -> tuple[BudgetDay, ...]:
        merchant = self._snapshot.merchants.by_id.get(merchant_id)
        return budget_days(self._snapshot.rules.budgets, rule_id, merchant, merchant_id, at)
