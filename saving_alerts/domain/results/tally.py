"""How often the pushes of each rule were opened and their coupons redeemed; and its treated users against control."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import msgspec

from saving_alerts.domain.results.assignments import Arm, Assigned
from saving_alerts.domain.results.responses import Kind
from saving_alerts.domain.uplift.intervals import Arm as Users
from saving_alerts.domain.uplift.verdict import Comparison


class By(StrEnum):
    """What the pushes of a rule are told apart by."""

    RULE = "rule"
    VERSION = "version"
    TEXT = "text"
    STORE = "store"


class Row(NamedTuple):
    """One line of the table: of a rule as a whole, or of one version, text or store."""

    rule_id: str
    by: By
    value: str = ""


@dataclass(slots=True)
class Counts:
    """Pushes that were sent, or may have been, and how many of them were opened and redeemed: each once."""

    pushes: int = 0
    opened: int = 0
    redeemed: int = 0


class UserOutcome(msgspec.Struct, array_like=True):
    """One user of one rule, in the arm of the first alert. `redeemed`: after any of the alerts."""

    arm: Arm
    since: datetime
    redeemed: bool = False

    def add(self, arm: Arm, at: datetime, *, redeemed: bool) -> None:
        if at < self.since:
            self.arm, self.since = arm, at
        self.redeemed = self.redeemed or redeemed


class Compared(NamedTuple):
    """Whose users are compared: those of one rule while one share of the users was control; None: while none was."""

    rule_id: str
    control_percent: float | None


@dataclass(slots=True)
class _Arms:
    users: dict[Arm, int] = field(default_factory=lambda: dict.fromkeys(Arm, 0))
    redeemed: dict[Arm, int] = field(default_factory=lambda: dict.fromkeys(Arm, 0))

    def of(self, arm: Arm) -> Users:
        return Users(self.users[arm], self.redeemed[arm])


@dataclass(slots=True)
class Tally:
    """Of everything that was added."""

    rows: dict[Row, Counts] = field(default_factory=dict)
    arms: dict[Compared, _Arms] = field(default_factory=dict)

    def add_alert(self, alert: Assigned, kinds: frozenset[Kind]) -> None:
        """`kinds`: the results that it has."""
        if not alert.is_sent:
            return
        for row in _rows_of(alert):
            counts = self.rows.setdefault(row, Counts())
            counts.pushes += 1
            counts.opened += Kind.OPENED in kinds
            counts.redeemed += Kind.REDEEMED in kinds

    def add_user(self, compared: Compared, user: UserOutcome) -> None:
        arms = self.arms.setdefault(compared, _Arms())
        arms.users[user.arm] += 1
        arms.redeemed[user.arm] += user.redeemed

    def comparison(self, compared: Compared, days: float, least: float) -> Comparison | None:
        """None where no users were to be control."""
        percent, arms = compared.control_percent, self.arms[compared]
        if percent is None or not 0 < percent < 100:  # noqa: PLR2004 - of all users
            return None
        return Comparison(arms.of(Arm.TREATED), arms.of(Arm.CONTROL), percent / 100, days, least)


def _rows_of(alert: Assigned) -> Iterator[Row]:
    yield Row(alert.rule_id, By.RULE)
    yield Row(alert.rule_id, By.VERSION, alert.rules_version)
    if alert.variant is not None:
        yield Row(alert.rule_id, By.TEXT, alert.variant)
    if alert.store_id is not None:
        yield Row(alert.rule_id, By.STORE, alert.store_id)
