"""What a rule set did with all candidates of a simulation, in numbers."""

from collections import Counter
from dataclasses import dataclass, field

from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules.clauses import Clause
from saving_alerts.domain.rules.evaluation import Match, NoMatch


@dataclass(slots=True)
class Evaluated:
    """Of so many `events` that came to the rules in time, for how many one wanted a push, and a `when` failed."""

    events: int = 0
    wanted: int = 0
    when_errors: int = 0

    def count(self, result: Match | NoMatch) -> None:
        self.events += 1
        self.wanted += isinstance(result, Match)
        self.when_errors += any(each.error and each.clause is Clause.WHEN for each in result.refusals)


@dataclass(slots=True)
class Totals:
    """The results of one rule set over all candidates. `rules` and `hours` count pushes, `caps` the capped ones.

    `budgets` counts by name what they stopped.

    `controls` counts by rule what was kept back in place of a push.

    `wins` counts by rule what it wanted to push, whatever caps said. `evaluated` is what workers count of a canary.

    `variants` counts the pushes of rules with several texts by rule and variant, `clauses` refusals by rule and clause.
    `hours` are UTC, like 2026-11-23 18.
    """

    reasons: Counter[str] = field(default_factory=Counter)
    clauses: Counter[tuple[str, str]] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    controls: Counter[str] = field(default_factory=Counter)
    variants: Counter[tuple[str, str]] = field(default_factory=Counter)
    caps: Counter[str] = field(default_factory=Counter)
    budgets: Counter[str] = field(default_factory=Counter)
    hours: Counter[str] = field(default_factory=Counter)
    wins: Counter[str] = field(default_factory=Counter)
    users: int = 0
    evaluated: Evaluated = field(default_factory=Evaluated)

    @property
    def pushes(self) -> int:
        return self.reasons[Reason.PUSHED]

    @property
    def wanted(self) -> int:
        """How many pushes there would be without caps."""
        return self.pushes + self.reasons[Reason.CAPPED]
