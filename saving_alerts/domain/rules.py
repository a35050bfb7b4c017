"""The rules of product managers as one immutable value, and whether an event may become a push.

A rule is a row of clauses. The first clause that says no refuses the rule; the first rule that nobody refuses wins.
Clauses come in two parts: those that need no coupon (so that nobody asks the Coupon API in vain) and the rest.
Quiet hours come last of all that is known, so that a rule refused by them failed on nothing else.
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

QUIET_HOURS = "quiet_hours"
MERCHANT_KNOWN = "merchant_known"


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
        answer = _judge(rule, event, merchant, coupons, now)
        if isinstance(answer, Coupon):
            return Chosen(rule, answer, tuple(refusals))
        refusals.append(Refusal(rule.id, answer))
    return _none_chosen(tuple(refusals))


def _none_chosen(refusals: tuple[Refusal, ...]) -> NoneChosen:
    only_quiet = any(refusal.clause == QUIET_HOURS for refusal in refusals)
    return NoneChosen(Reason.QUIET_HOURS if only_quiet else Reason.RULE_REFUSED, refusals)


def _judge(
    rule: Rule, event: SavingEvent, merchant: Merchant | None, coupons: tuple[Coupon, ...], now: datetime
) -> Coupon | str:
    """The best coupon if every clause says yes, else the first clause that says no."""
    clause = _first_no(rule, event, merchant)
    if clause is not None or merchant is None:
        return clause or MERCHANT_KNOWN
    enough = [coupon for coupon in coupons if _discount_is_enough(rule, coupon)]
    safe = [coupon for coupon in enough if _link_is_safe(merchant, coupon)]
    if not safe:
        return "deep_link_hosts" if enough else "min_discount_percent"
    if is_quiet(rule.quiet_hours, event.timezone, now):
        return QUIET_HOURS
    return max(safe, key=_rank)


def _early_no(rule: Rule, event: SavingEvent, merchant: Merchant | None, now: datetime) -> str | None:
    """The first clause that says no of those that need no coupon."""
    clause = _first_no(rule, event, merchant)
    if clause is None and is_quiet(rule.quiet_hours, event.timezone, now):
        return QUIET_HOURS
    return clause


def _first_no(rule: Rule, event: SavingEvent, merchant: Merchant | None) -> str | None:
    if event.type not in rule.event_types:
        return "event_types"
    if not _listed(event.merchant_id, rule):
        return "merchants"
    return MERCHANT_KNOWN if merchant is None else None


def _listed(merchant_id: str | None, rule: Rule) -> bool:
    if merchant_id is None:
        return False
    return _matches(merchant_id, rule.allow) and not _matches(merchant_id, rule.deny)


def _matches(merchant_id: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(merchant_id, glob) for glob in globs)


def _rank(coupon: Coupon) -> tuple[float, float, datetime, str]:
    """The highest percentage, then the highest amount, then the one that lasts longest; ids settle the rest."""
    return (coupon.discount.percent or 0, coupon.discount.amount, coupon.valid_until, coupon.coupon_id)


def _discount_is_enough(rule: Rule, coupon: Coupon) -> bool:
    """A fixed amount has no percentage, so it passes only where no percentage is asked for."""
    if rule.min_discount_percent is None:
        return True
    return coupon.discount.percent is not None and coupon.discount.percent >= rule.min_discount_percent


def _link_is_safe(merchant: Merchant, coupon: Coupon) -> bool:
    """A push never leads to a host that the merchant does not own."""
    return not merchant.deep_link_hosts or _host(coupon.deep_link) in {
        host.lower() for host in merchant.deep_link_hosts
    }


def _host(link: str) -> str | None:
    """The host in small letters; None where there is none, or where another reader would see another one."""
    if "\\" in link:  # phones take it for a slash, urlsplit does not: https://evil.example\@shop.example
        return None
    try:
        return urlsplit(link).hostname
    except ValueError:
        return None
