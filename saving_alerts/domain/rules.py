"""The rules of product managers as one immutable value, and whether an event may become a push.

A rule is a row of clauses. The first clause that says no refuses the rule; the first rule that nobody refuses wins.
Clauses come in two parts: those that need no coupon (so that nobody asks the Coupon API in vain) and the rest.
Quiet hours come last in their part, so that a rule refused by them failed on nothing else that was known then.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from saving_alerts.domain.caps import Cap
from saving_alerts.domain.coupons import Coupon
from saving_alerts.domain.decisions import Reason
from saving_alerts.domain.events import EventType, SavingEvent
from saving_alerts.domain.merchants import Merchant
from saving_alerts.domain.messages import Message
from saving_alerts.domain.quiet_hours import QuietHours, is_quiet


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


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All enabled rules in the order they are tried, and what applies to all of them."""

    version: str
    caps: tuple[Cap, ...]
    freshness: Mapping[EventType, timedelta]
    rules: tuple[Rule, ...]

    triggers: frozenset[EventType] = field(init=False)
    """The event types that some rule listens to; every other event is no trigger."""

    def __post_init__(self) -> None:
        triggers: frozenset[EventType] = frozenset().union(*(rule.event_types for rule in self.rules))
        object.__setattr__(self, "triggers", triggers)  # frozen from here on; asked once per event of the hot path


@dataclass(frozen=True, slots=True)
class Refusal:
    """The first clause of one rule that said no."""

    rule_id: str
    clause: str


@dataclass(frozen=True, slots=True)
class Chosen:
    rule: Rule
    coupon: Coupon
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class NoneChosen:
    reason: Reason
    refusals: tuple[Refusal, ...]


def refused_without_coupons(
    rules: Iterable[Rule], event: SavingEvent, merchant: Merchant | None, now: datetime
) -> NoneChosen | None:
    """NoneChosen when no rule can say yes whatever the coupons are, else None. It can only skip, never permit."""
    clauses = [(rule, _early_no(rule, event, merchant, now)) for rule in rules]
    if any(clause is None for _, clause in clauses):
        return None
    return _none_chosen(tuple(Refusal(rule.id, clause) for rule, clause in clauses if clause))


def evaluate(
    rules: Iterable[Rule], event: SavingEvent, merchant: Merchant | None, coupons: tuple[Coupon, ...], now: datetime
) -> Chosen | NoneChosen:
    """The first rule that says yes with its best coupon, or why none did. All clauses, nothing skipped."""
    refusals: list[Refusal] = []
    for rule in rules:
        clause = _early_no(rule, event, merchant, now)
        coupon = _best_coupon(rule, merchant, coupons) if clause is None and merchant else None
        if coupon is not None:
            return Chosen(rule, coupon, tuple(refusals))
        refusals.append(Refusal(rule.id, clause or "min_discount_percent"))
    return _none_chosen(tuple(refusals))


def _none_chosen(refusals: tuple[Refusal, ...]) -> NoneChosen:
    only_quiet = any(refusal.clause == "quiet_hours" for refusal in refusals)
    return NoneChosen(Reason.QUIET_HOURS if only_quiet else Reason.RULE_REFUSED, refusals)


def _early_no(rule: Rule, event: SavingEvent, merchant: Merchant | None, now: datetime) -> str | None:
    if event.type not in rule.event_types:
        return "event_types"
    if not _listed(event.merchant_id, rule):
        return "merchants"
    if merchant is None:
        return "merchant_known"
    return "quiet_hours" if is_quiet(rule.quiet_hours, event.timezone, now) else None


def _listed(merchant_id: str | None, rule: Rule) -> bool:
    if merchant_id is None:
        return False
    return _matches(merchant_id, rule.allow) and not _matches(merchant_id, rule.deny)


def _matches(merchant_id: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(merchant_id, glob) for glob in globs)


def _best_coupon(rule: Rule, merchant: Merchant, coupons: tuple[Coupon, ...]) -> Coupon | None:
    """The highest percentage, then the highest amount, then the one that lasts longest; ids settle the rest."""
    allowed = [coupon for coupon in coupons if _discount_is_enough(rule, coupon) and _link_is_safe(merchant, coupon)]
    return max(allowed, key=_rank, default=None)


def _rank(coupon: Coupon) -> tuple[float, float, datetime, str]:
    return (coupon.discount.percent or 0, coupon.discount.amount, coupon.valid_until, coupon.coupon_id)


def _discount_is_enough(rule: Rule, coupon: Coupon) -> bool:
    """A fixed amount has no percentage, so it passes only where no percentage is asked for."""
    if rule.min_discount_percent is None:
        return True
    return coupon.discount.percent is not None and coupon.discount.percent >= rule.min_discount_percent


def _link_is_safe(merchant: Merchant, coupon: Coupon) -> bool:
    """A push never leads to a host that the merchant does not own."""
    return not merchant.deep_link_hosts or _host(coupon.deep_link) in merchant.deep_link_hosts


def _host(link: str) -> str | None:
    try:
        return urlsplit(link).hostname
    except ValueError:
        return None
