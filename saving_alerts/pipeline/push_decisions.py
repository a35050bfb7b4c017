"""What a decision of `dispatch_push` says: the alert, the versions it was made with, and the attempts in words."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from saving_alerts.domain.alerts import Alert, rfc3339
from saving_alerts.domain.budgets import free_from
from saving_alerts.domain.decisions import COUNTS_CONTROL, Versions
from saving_alerts.domain.failed_asks import details_of
from saving_alerts.domain.push_sends import PushSend
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.pipeline.gathering import Slot
from saving_alerts.pipeline.outcomes import Decided
from saving_alerts.ports.push_sender import Accepted, Attempt, Refused, Throttled, TooLate, Unclear
from saving_alerts.ports.throttle import AlreadySent, BudgetSpent, CapReached, DuplicateOf, Outbid


def outcome(known: AlreadySent | PushSend, sent: Reason) -> Reason:
    """How an event ends of which this is known. `sent`: how one ends whose push was accepted."""
    if known.control:
        return Reason.CONTROL
    return Reason.PUSH_UNCERTAIN if known.uncertain else sent


def counted_as_control(sends: Iterable[PushSend]) -> dict[str, object]:
    """The details of an event that others of its user end: whether one of those was left out, so that nobody got it."""
    return {COUNTS_CONTROL: True} if any(send.control for send in sends) else {}


def sent_before(sent_at: datetime) -> dict[str, object]:
    """The details of an event whose push is known already."""
    return {"again": True, "sent_at": rfc3339(sent_at)}


def because_of(
    obstacle: DuplicateOf | CapReached | Outbid | BudgetSpent, slot: Slot, sends: Iterable[PushSend]
) -> tuple[Reason, dict[str, object]]:
    """How an event ends that others of its user, or of a budget, stand against. `sends`: as the Table has them."""
    match obstacle:
        case DuplicateOf(position):
            return Reason.DUPLICATE, {"of": str(position), **counted_as_control(sends)}
        case CapReached(cap, until):
            return Reason.CAPPED, {"cap": str(cap), "until": rfc3339(until), **counted_as_control(sends)}
        case BudgetSpent(day, taken):
            told = {"budget": day.name, "pushes_per_day": day.pushes, "taken": taken}
            return Reason.BUDGET_SPENT, {**told, "until": rfc3339(free_from(day, taken))}
        case Outbid(event_id):
            winners = [send for send in sends if event_id in (send.event_id, None)]
            return Reason.OUTBID, _won(obstacle, slot) | counted_as_control(winners)


def _won(winner: Outbid, slot: Slot) -> dict[str, object]:
    """Which event has the slot, and what it promised, if it was gathered here."""
    won: dict[str, object] = {}
    if winner.event_id is not None:  # None: the user was erased since
        won = {"event_id": winner.event_id, "position": str(winner.position)}
    if alert := slot.alert_of(winner.event_id):
        won |= {"merchant_id": alert.merchant_id, "rule_id": alert.rule_id, "coupon_id": alert.coupon_id}
    return {"won": won} if won else {}


def decided_by(alert: Alert, rules: RuleSet, reason: Reason, details: Mapping[str, object]) -> Decided:
    named: dict[str, object] = {"rule_id": alert.rule_id, "coupon_id": alert.coupon_id}
    if alert.ranked_by is not None:  # of this coupon among how many; alerts of older releases do not say
        named |= {"ranked_by": alert.ranked_by, "fitting_coupons": alert.fitting_coupons}
    optional = {"variant": alert.variant, "store_id": alert.store_id, "control_percent": alert.control_percent}
    named |= {name: value for name, value in optional.items() if value is not None}
    named |= alert.passed_over.details() | details_of(alert.failed_asks)
    versions = Versions(
        rules=alert.rules_version, merchants=alert.merchants_version, caps=rules.version, canary=alert.canary or None
    )
    return Decided(reason, {**named, **details}, versions)


def name_of(attempt: Attempt) -> str:
    """An attempt in words, as decisions list it."""
    match attempt:
        case Accepted(status):
            return f"accepted {status}"
        case Refused(status, _):
            return f"refused {status}"
        case TooLate():
            return "too late"
        case Throttled(retry_after):
            return f"throttled for {retry_after.total_seconds():g} s"
        case Unclear(text):
            return f"unclear: {text}"
