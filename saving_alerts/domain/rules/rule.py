"""One rule of a product manager as an immutable value.

A rule is a row of clauses. The first clause that says no refuses the rule. Clauses come in two parts: those that need
no coupon (so that nobody asks the Coupon API in vain) and the rest. Rollout and quiet hours come last of all, so that a
rule refused by one of them alone failed on nothing else.
"""

from dataclasses import dataclass, field

from packaging.version import Version

from saving_alerts.domain.events import EventType
from saving_alerts.domain.rules.clauses import Check, Clause, Weekday, has_app, is_near, is_on
from saving_alerts.domain.rules.expressions import When
from saving_alerts.domain.rules.messages import Message
from saving_alerts.domain.rules.quiet_hours import QuietHours
from saving_alerts.domain.rules.ranking import Ranking


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, as the document says it, with quiet hours already resolved."""

    id: str
    event_types: frozenset[EventType]
    allow: tuple[str, ...]
    deny: tuple[str, ...]
    min_discount_percent: float | None
    quiet_hours: QuietHours | None
    message: Message
    max_distance_m: float | None = None
    weekdays: frozenset[Weekday] | None = None
    min_app_version: Version | None = None
    rollout_percent: float = 100
    rank_coupons_by: Ranking = Ranking.HIGHEST_PERCENT
    when: When | None = None

    checks: tuple[tuple[Clause, Check], ...] = field(init=False, compare=False, repr=False)
    """The clauses that this rule has, of those that need no coupon and can be decided once."""

    def __post_init__(self) -> None:
        checks: list[tuple[Clause, Check]] = []
        if self.max_distance_m is not None:
            checks.append((Clause.MAX_DISTANCE_M, is_near(self.max_distance_m)))
        if self.weekdays is not None:
            checks.append((Clause.WEEKDAYS, is_on(self.weekdays)))
        if self.min_app_version is not None:
            checks.append((Clause.MIN_APP_VERSION, has_app(self.min_app_version)))
        object.__setattr__(self, "checks", tuple(checks))  # frozen from here on
