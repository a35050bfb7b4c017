"""One rule of a product manager as an immutable value.

A rule is a list of clauses. The first clause that does not hold refuses the rule. Clauses that need no coupon come
first, so that the Coupon API is not asked without need. Rollout and quiet hours come last, so that a rule that was
refused by one of them failed on no other clause.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime

from packaging.version import Version

from saving_alerts.domain.events import EventType
from saving_alerts.domain.rules.clauses import (
    Check,
    Clause,
    Ending,
    Weekday,
    end_of,
    end_of_open_for,
    has_app,
    has_dwelled,
    is_from,
    is_near,
    is_on,
    is_open_for,
    is_until,
)
from saving_alerts.domain.rules.control import Control
from saving_alerts.domain.rules.evaluation_context import EvaluationContext
from saving_alerts.domain.rules.expressions import When
from saving_alerts.domain.rules.messages import Message
from saving_alerts.domain.rules.quiet_hours import QuietHours
from saving_alerts.domain.rules.ranking import Ranking


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the file. `quiet_hours` are its own or the file's; None means none.

    `unknown_hours_pass`: what `open_for_minutes` says where nobody knows when the store is open. `control`: its own.
    """

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
    active_from: date | None = None
    active_until: date | None = None
    min_dwell_seconds: float | None = None
    open_for_minutes: float | None = None
    unknown_hours_pass: bool = False
    priority: int = 100
    control: Control | None = None

    checks: tuple[tuple[Clause, Check], ...] = field(init=False, compare=False, repr=False)
    """The checks of the clauses that need no coupon and that this rule has."""
    endings: tuple[tuple[Clause, Ending], ...] = field(init=False, compare=False, repr=False)
    """Of the clauses that hold for a while only, and that are not looked at again before an attempt."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "checks", tuple(self._checks()))  # the way to set a field of a frozen dataclass
        object.__setattr__(self, "endings", tuple(self._endings()))

    def ends(self, context: EvaluationContext) -> tuple[datetime, Clause] | None:
        """When the first of its clauses ceases to hold, in UTC, and which; None if none does."""
        found = [(at, clause) for clause, ending in self.endings if (at := ending(context)) is not None]
        return min(found, default=None)

    def _checks(self) -> Iterator[tuple[Clause, Check]]:
        """In the order of `Clause`."""
        if self.max_distance_m is not None:
            yield Clause.MAX_DISTANCE_M, is_near(self.max_distance_m)
        if self.active_from is not None:
            yield Clause.ACTIVE_FROM, is_from(self.active_from)
        if self.active_until is not None:
            yield Clause.ACTIVE_UNTIL, is_until(self.active_until)
        if self.weekdays is not None:
            yield Clause.WEEKDAYS, is_on(self.weekdays)
        if self.min_dwell_seconds is not None:
            yield Clause.MIN_DWELL_SECONDS, has_dwelled(self.min_dwell_seconds)
        if self.open_for_minutes is not None:
            yield Clause.OPEN_FOR_MINUTES, is_open_for(self.open_for_minutes, passes_unknown=self.unknown_hours_pass)
        if self.min_app_version is not None:
            yield Clause.MIN_APP_VERSION, has_app(self.min_app_version)

    def _endings(self) -> Iterator[tuple[Clause, Ending]]:
        if self.active_until is not None:
            yield Clause.ACTIVE_UNTIL, end_of(self.active_until)
        if self.open_for_minutes is not None:
            yield Clause.OPEN_FOR_MINUTES, end_of_open_for(self.open_for_minutes)
