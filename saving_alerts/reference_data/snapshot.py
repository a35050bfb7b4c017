"""The rules and the merchants as one immutable snapshot, replaced whole.

A stage takes `current` once per event, so that an event never meets two versions within a stage.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from saving_alerts.domain.merchants import Merchant
from saving_alerts.domain.rules.rule_set import RuleSet


@dataclass(frozen=True, slots=True)
class Merchants:
    """The directory by merchant id; `version` is its content's, like the rules'. `bad_lines` were left out."""

    version: str
    by_id: Mapping[str, Merchant]
    bad_lines: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    rules: RuleSet
    merchants: Merchants


@dataclass(frozen=True, slots=True)
class Freshness:
    """What is known about one document: which version, when S3 last confirmed it, why the newest was refused."""

    version: str | None = None
    confirmed_at: datetime | None = None
    refusal: str | None = None


class ReferenceData:
    """Holds the snapshot in use. `current` exists only after `replace_rules` and `replace_merchants` were called."""

    def __init__(self) -> None:
        self._rules: RuleSet | None = None
        self._merchants: Merchants | None = None
        self._current: Snapshot | None = None
        self.freshness: dict[str, Freshness] = {"rules": Freshness(), "merchants": Freshness()}

    @property
    def current(self) -> Snapshot:
        if self._current is None:
            raise LookupError("rules and merchants were not loaded yet")
        return self._current

    @property
    def is_loaded(self) -> bool:
        return self._current is not None

    def replace_rules(self, rules: RuleSet, now: datetime) -> None:
        self._rules = rules
        self._swap("rules", rules.version, now)

    def replace_merchants(self, merchants: Merchants, now: datetime) -> None:
        self._merchants = merchants
        self._swap("merchants", merchants.version, now)

    def confirm(self, kind: str, now: datetime) -> None:
        """S3 has nothing newer."""
        self.freshness[kind] = replace(self.freshness[kind], confirmed_at=now, refusal=None)

    def refuse(self, kind: str, why: str) -> None:
        """The newest file was refused, or S3 could not be read; the last good one stays."""
        self.freshness[kind] = replace(self.freshness[kind], refusal=why)

    def _swap(self, kind: str, version: str, now: datetime) -> None:
        self.freshness[kind] = Freshness(version=version, confirmed_at=now)
        if self._rules is not None and self._merchants is not None:
            self._current = Snapshot(self._rules, self._merchants)
