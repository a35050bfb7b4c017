"""When shoppers come on a day: shapes of demand, and what of a budget it could use at best."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from random import Random

from saving_alerts.domain.budgets import BudgetDay, released

# Each: from 0 (opening) to 1 (closing), where in the open hours one shopper comes.
SHAPES: dict[str, Callable[[Random], float]] = {
    "steady": lambda random: random.random(),
    "lunch and evening": lambda random: min(max(random.gauss(random.choice((0.3, 0.75)), 0.1), 0), 1),
    "more and more": lambda random: random.random() ** 0.5,
    "mostly in the evening": lambda random: random.triangular(0, 1, 0.9),
    "a crowd at opening, and more": lambda random: random.random() * (0.05 if random.random() < 0.3 else 1),
}


def arrivals(shape: str, many: int, opens: datetime, closes: datetime, random: Random) -> list[datetime]:
    """So many, in order."""
    at = SHAPES[shape]
    return sorted(opens + at(random) * (closes - opens) for _ in range(many))


def reachable(day: BudgetDay, moments: Sequence[datetime]) -> int:
    """How many could be pushed if nothing ever failed, by what is out when they come."""
    taken = 0
    for moment in moments:
        taken += taken < released(day, moment)
    return taken


def opening(day: BudgetDay) -> tuple[datetime, datetime]:
    return day.spans[0][0], day.spans[-1][1] - timedelta(minutes=15)
