"""Rules and merchants as one immutable snapshot, which is replaced as a whole.

A stage reads `current` once for each event, so that no event is handled with two versions within a stage.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from saving_alerts.domain.merchants import Merchant
from saving_alerts.domain.rules.rule_set import RuleSet


@dataclass(frozen=True, slots=True)
class Merchants:
    """The directory by merchant id. `version` is the hash of the file, as for rules; `bad_lines` were left out."""

    version: str
    by_id: Mapping[str, Merchant]
    bad_lines: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`link_schemes` are those of the apps that a push may open, which is a setting."""

    rules: RuleSet
    merchants: Merchants
    link_schemes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Freshness:
    """Of one document: the version in use, when S3 last confirmed it as the newest, and why the last reload failed.

    `remark` is what people should know of the version in use, such as what was left out; None if it is all in order.
    """

    version: str | None = None
    confirmed_at: datetime | None = None
    refusal: str | None = None
    remark: str | None = None


class ReferenceData:
    """Holds the snapshot in use, and the freshness of its two documents, "rules" and "merchants"."""

    def __init__(self, link_schemes: frozenset[str] = frozenset()) -> None:
        self._link_schemes = link_schemes
        self._rules: RuleSet | None = None
        self._merchants: Merchants | None = None
        self._current: Snapshot | None = None
        self.freshness: dict[str, Freshness] = {"rules": Freshness(), "merchants": Freshness()}

    @property
    def current(self) -> Snapshot:
        """Raises LookupError before both `replace_rules` and `replace_merchants` were called."""
        if self._current is None:
            raise LookupError("rules and merchants were not loaded yet")
        return self._current

    @property
    def is_loaded(self) -> bool:
        return self._current is not None

    def replace_rules(self, rules: RuleSet, now: datetime) -> None:
        self._rules = rules
        self._swap("rules", rules.version, now)

    def replace_merchants(self, merchants: Merchants, now: datetime, remark: str | None = None) -> None:
        self._merchants = merchants
        self._swap("merchants", merchants.version, now, remark)

    def confirm(self, document: str, now: datetime) -> None:
        """S3 has no newer version."""
        self.freshness[document] = replace(self.freshness[document], confirmed_at=now, refusal=None)

    def remark(self, document: str, remark: str | None) -> None:
        """What people should know of the version in use now."""
        self.freshness[document] = replace(self.freshness[document], remark=remark)

    def refuse(self, document: str, why: str) -> None:
        """The newest file was refused, or S3 could not be read. The document in use stays."""
        self.freshness[document] = replace(self.freshness[document], refusal=why)

    def _swap(self, document: str, version: str, now: datetime, remark: str | None = None) -> None:
        self.freshness[document] = Freshness(version=version, confirmed_at=now, remark=remark)
        if self._rules is not None and self._merchants is not None:
            self._current = Snapshot(self._rules, self._merchants, self._link_schemes)
