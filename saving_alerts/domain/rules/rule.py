"""One rule of a product manager as an immutable value.

A rule is a list of clauses. The first clause that does not hold refuses the rule. Clauses that need no coupon come
first, so that the Coupon API is not asked without need. Rollout and quiet hours come last, so that a rule that was
refused by one of them failed on no other clause.
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
    """One rule of the file. `quiet_hours` are its own or the file's; None means none."""

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
    has_own_quiet_hours: bool = field(default=False, compare=False)

    checks: tuple[tuple[Clause, Check], ...] = field(init=False, compare=False, repr=False)
    """The checks of the clauses that need no coupon and that this rule has."""

    def __post_init__(self) -> None:
        checks: list[tuple[Clause, Check]] = []
        if self.max_distance_m is not None:
            checks.append((Clause.MAX_DISTANCE_M, is_near(self.max_distance_m)))
        if self.weekdays is not None:
            checks.append((Clause.WEEKDAYS, is_on(self.weekdays)))
        if self.min_app_version is not None:
            checks.append((Clause.MIN_APP_VERSION, has_app(self.min_app_version)))
        object.__setattr__(self, "checks", tuple(checks))  # the way to set a field of a frozen dataclass
