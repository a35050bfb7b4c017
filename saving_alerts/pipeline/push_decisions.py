"""What a decision of `dispatch_push` says: the alert, the versions it was made with, and the attempts in words."""

from collections.abc import Mapping
from datetime import datetime

from saving_alerts.domain.alerts import Alert, rfc3339
from saving_alerts.domain.decisions import Versions
from saving_alerts.domain.failed_asks import details_of
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.pipeline.outcomes import Decided
from saving_alerts.ports.push_sender import Accepted, Attempt, Refused, Throttled, TooLate, Unclear


def sent_before(sent_at: datetime) -> dict[str, object]:
    """The details of an event whose push is known already."""
    return {"again": True, "sent_at": rfc3339(sent_at)}


def decided_by(alert: Alert, rules: RuleSet, reason: Reason, details: Mapping[str, object]) -> Decided:
    named: dict[str, object] = {"rule_id": alert.rule_id, "coupon_id": alert.coupon_id}
    if alert.ranked_by is not None:  # of this coupon among how many; alerts of older releases do not say
        named |= {"ranked_by": alert.ranked_by, "fitting_coupons": alert.fitting_coupons}
    named |= {
        name: text for name, text in (("variant", alert.variant), ("store_id", alert.store_id)) if text is not None
    }
    named |= alert.passed_over.details() | details_of(alert.failed_asks)
    versions = Versions(rules=alert.rules_version, merchants=alert.merchants_version, caps=rules.version)
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
