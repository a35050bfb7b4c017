"""Rules and merchants as one immutable snapshot, which is replaced as a whole.

A stage reads `current` once for each event, so that no event is handled with two versions within a stage.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from saving_alerts.domain.canary.order import CanaryOrder
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
    """`link_schemes` are those of the apps that a push may open, which is a setting.

    `canary`: the one whose rules these are. `tried`: the one that has a say on whose rules are whose, with its rules.
    """

    rules: RuleSet
    merchants: Merchants
    link_schemes: frozenset[str] = frozenset()
    canary: str | None = None
    tried: "Tried | None" = None

    def of(self, user_id: str, now: datetime) -> "Snapshot":
        """What this user's events are handled with now."""
        tried = self.tried
        return self if tried is None or not tried.order.is_for(user_id, now) else tried.snapshot

    def of_most(self, now: datetime) -> "Snapshot":
        """What the events of those are handled with on whom nothing is tried."""
        tried = self.tried
        return self if tried is None or not tried.order.is_for_everybody(now) else tried.snapshot

    def longest_freshness(self, event_type: str) -> timedelta:
        """How long an event of this type is worth a push to anybody."""
        longest = self.rules.freshness_of(event_type)
        return longest if self.tried is None else max(longest, self.tried.snapshot.rules.freshness_of(event_type))

    @property
    def longest_choice(self) -> timedelta:
        """For how long at most anybody's alerts are gathered."""
        longest = self.rules.choose_within
        return longest if self.tried is None else max(longest, self.tried.snapshot.rules.choose_within)


@dataclass(frozen=True, slots=True)
class Tried:
    """A canary that has a say, and what the events of its users are handled with."""

    order: CanaryOrder
    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class Freshness:
    """Of one document: the version in use, when S3 last confirmed it as the newest, and why the last reload failed.

    `remark` is what people should know of the version in use, such as what was left out; None if it is all in order.
    """

    version: str | None = None
    confirmed_at: datetime | None = None
    refusal: str | None = None
    remark: str | None = None


def _nobody(_canary: str) -> bool:
    return False


class ReferenceData:
    """Holds the snapshot in use, and the freshness of its two documents, "rules" and "merchants".

    `taken_back` says of a canary whether it must not be used any more: it is asked anew for every event.
    `canary_problem` is why the canary in the bucket is not used, if it is not; None where there is none.
    """

    def __init__(self, link_schemes: frozenset[str] = frozenset(), taken_back: Callable[[str], bool] = _nobody) -> None:
        self._link_schemes = link_schemes
        self._taken_back = taken_back
        self._rules: RuleSet | None = None
        self._merchants: Merchants | None = None
        self._canary: tuple[CanaryOrder, RuleSet] | None = None
        self._current: Snapshot | None = None
        self._trying: Snapshot | None = None
        self.canary_problem: str | None = None
        self.freshness: dict[str, Freshness] = {"rules": Freshness(), "merchants": Freshness()}

    @property
    def current(self) -> Snapshot:
        """Raises LookupError before both `replace_rules` and `replace_merchants` were called."""
        trying = self._trying
        if trying is not None and trying.tried is not None and not self._taken_back(trying.tried.order.id):
            return trying
        if self._current is None:
            raise LookupError("rules and merchants were not loaded yet")
        return self._current

    @property
    def is_loaded(self) -> bool:
        return self._current is not None

    @property
    def order(self) -> CanaryOrder | None:
        """The canary that was read last, if it counts with these rules: also one that is taken back."""
        return self._trying.tried.order if self._trying is not None and self._trying.tried is not None else None

    def rules_version(self, now: datetime) -> str | None:
        """Of the rules of those on whom nothing is tried; None before the first ones."""
        return self.freshness["rules"].version if self._current is None else self.current.of_most(now).rules.version

    def replace_rules(self, rules: RuleSet, now: datetime) -> None:
        self._rules = rules
        self._swap("rules", rules.version, now)

    def replace_merchants(self, merchants: Merchants, now: datetime, remark: str | None = None) -> None:
        self._merchants = merchants
        self._swap("merchants", merchants.version, now, remark)

    def replace_canary(self, canary: tuple[CanaryOrder, RuleSet] | None, problem: str | None = None) -> None:
        """The order in the bucket with its rules, or none. It counts while the rules are those it was begun with."""
        self._canary, self.canary_problem = canary, problem
        self._join()

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
        self._join()

    def _join(self) -> None:
        if self._rules is None or self._merchants is None:
            return
        self._current, self._trying = Snapshot(self._rules, self._merchants, self._link_schemes), None
        if self._canary is not None and self._canary[0].instead_of == self._rules.version:
            order, rules = self._canary
            tried = Tried(order, Snapshot(rules, self._merchants, self._link_schemes, canary=order.id))
            self._trying = replace(self._current, tried=tried)
