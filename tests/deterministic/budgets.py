"""Universes whose merchant has a budget: alerts of many users, of whom only so many may get a push by each moment."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

from saving_alerts.domain.budgets import Budget, day_of, released
from saving_alerts.domain.rules.rule_set import RuleSet
from tests.deterministic.plan import MARGIN_SECONDS, Plan, PlannedEvent
from tests.support.fakes.charged_users import User
from tests.support.fakes.clock import START
from tests.support.fakes.taken_budgets import TakenBudgets
from tests.support.fakes.throttle import BUDGETS

NAME = "merchant:m-1"
HOURS = "Mo-Su 10:15-10:25"  # from START on: of six there is one more each 100 s
MOST = 6
MARGIN = timedelta(seconds=MARGIN_SECONDS)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def budgeted(plan: Plan, seed: int) -> Plan:
    """The same world, with other events: mostly of users of their own."""
    random = Random(f"budgets {seed}")
    many = random.choice((3, 4, 6))
    moments = sorted(random.choice((random.uniform(0, 3), random.uniform(0, 130))) for _ in range(many))
    events = tuple(
        PlannedEvent(moment, f"u-{random.randrange(2 * many)}", f"event-{number}")
        for number, moment in enumerate(moments)
    )
    return replace(plan, events=events, budget=random.choice((2, MOST)))


def with_budget(rules: RuleSet, pushes: int) -> RuleSet:
    return replace(rules, budgets={NAME: Budget(pushes, "UTC", HOURS)})


def known_for_long() -> dict[str, User]:
    """A Redis that knows of budgets since long before the day."""
    return {BUDGETS: User(budgets=TakenBudgets(since=LONG_AGO))}


def above(plan: Plan, accepted: list[datetime]) -> Iterator[str]:
    """By the clock of the push API, which may be ahead of Redis' or behind it."""
    day = day_of(NAME, Budget(plan.budget, "UTC", HOURS), (), START)
    for number, at in enumerate(sorted(accepted), 1):
        if number > released(day, at + MARGIN):
            yield f"{number} pushes at {at}, and of a budget of {day.pushes} only {released(day, at + MARGIN)} were out"
