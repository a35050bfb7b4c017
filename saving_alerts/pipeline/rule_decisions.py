"""What a result of the rules becomes: an alert for dispatch, or the decision that says who refused."""

from collections.abc import Mapping
from datetime import datetime

import msgspec
from msgspec import UNSET

from saving_alerts.domain.alerts import Alert, Departure, Stakes
from saving_alerts.domain.coupons import Candidate
from saving_alerts.domain.decisions import Versions
from saving_alerts.domain.events import SavingEvent
from saving_alerts.domain.failed_asks import NONE_FAILED, details_of
from saving_alerts.domain.merchants import Merchant
from saving_alerts.domain.passed_over import NONE_PASSED_OVER, PassedOverCoupons, count_in
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules.clauses import Clause
from saving_alerts.domain.rules.control import arm_of
from saving_alerts.domain.rules.evaluation import Match, NoMatch, Refusal, every_refusal
from saving_alerts.domain.rules.evaluation_context import EvaluationContext
from saving_alerts.domain.rules.messages import render
from saving_alerts.domain.rules.variants import text_for
from saving_alerts.pipeline.outcomes import Decided, Forward
from saving_alerts.reference_data.snapshot import Snapshot

# A `when` that fails is a mistake of whoever wrote the rule, and counted; a zone is the sender's.
_ERROR, _BECAUSE = "error", "because"
MAX_NAMED_REFUSALS = 20  # a decision is one record, and 500 rules would fill it


def refused(
    result: Match | NoMatch,
    context: EvaluationContext,
    snapshot: Snapshot,
    *,
    asked: bool = True,
    passed_over: PassedOverCoupons = NONE_PASSED_OVER,
    failed_asks: Mapping[str, int] = NONE_FAILED,
) -> Decided:
    """`passed_over` and `failed_asks`: what was passed over, and failed, before the rules were looked at."""
    reason = result.reason if isinstance(result, NoMatch) else Reason.RULE_REFUSED
    details = _refusal_details(result.refusals, context.event, snapshot)
    if reason is Reason.QUIET_HOURS:
        details |= _quiet_hours(result.refusals, context, snapshot)
    details |= passed_over.and_also(result.passed_over).details() | details_of(failed_asks)
    return Decided(reason, details if asked else details | {"asked": False}, versions_of(snapshot))


def _refusal_details(refusals: tuple[Refusal, ...], event: SavingEvent, snapshot: Snapshot) -> dict[str, object]:
    """Every rule by name while they are few; of many only those that listen to the event, and how many do not."""
    if len(snapshot.rules.rules) <= MAX_NAMED_REFUSALS:
        return {"refusals": [_details_of(each) for each in every_refusal(snapshot.rules, event, refusals)]}
    listening = snapshot.rules.listening_to(event)
    others = {"event_types": listening.other_types, "merchants": listening.other_merchants}
    return {
        "refusals": [_details_of(each) for each in refusals[:MAX_NAMED_REFUSALS]],
        "rules_that_do_not_listen": others,
    }


def _quiet_hours(refusals: tuple[Refusal, ...], context: EvaluationContext, snapshot: Snapshot) -> dict[str, object]:
    """Of the first rule that they alone refused: from when to when, who set them, and what the shopper's clock said."""
    refused_by = next((each.rule_id for each in refusals if each.clause is Clause.QUIET_HOURS and each.alone), None)
    rule = next((each for each in snapshot.rules.rules if each.id == refused_by), None)
    if rule is None or rule.quiet_hours is None:
        return {}
    said: dict[str, object] = {
        "from": f"{rule.quiet_hours.start:%H:%M}",
        "until": f"{rule.quiet_hours.end:%H:%M}",
        "set_by": "rule" if rule.has_own_quiet_hours else "rules_file",
        "rule_id": rule.id,
    }
    local = {} if context.local is None else {"local_time": f"{context.local:%Y-%m-%dT%H:%M}"}
    return {"quiet_hours": said | local}


def _details_of(refusal: Refusal) -> dict[str, object]:
    details: dict[str, object] = {"rule_id": refusal.rule_id, "clause": refusal.clause}
    if refusal.error is None:
        return details
    return details | {_ERROR if refusal.clause is Clause.WHEN else _BECAUSE: refusal.error}


def alert_of(candidate: Candidate, chosen: Match, merchant: Merchant, snapshot: Snapshot) -> Alert:
    alert = _alert(candidate, chosen, merchant, snapshot)
    arm = arm_of(alert.user_id, snapshot.rules.control, chosen.rule.control)
    if arm is None:
        return alert
    return msgspec.structs.replace(alert, control=arm.is_control, control_percent=arm.percent)


def _alert(candidate: Candidate, chosen: Match, merchant: Merchant, snapshot: Snapshot) -> Alert:
    validated, event, coupon = candidate.validated, candidate.validated.event, chosen.coupon
    (deadline, deadline_by), (variant, title, body) = _deadline(candidate, chosen), _text(event, chosen, merchant)
    return Alert(
        position=validated.position,
        event_id=event.event_id,
        user_id=event.user_id,
        merchant_id=merchant.merchant_id,
        event_type=event.type,
        occurred_at=event.occurred_at,
        received_at=event.received_at,
        read_at=validated.read_at,
        deadline=deadline,
        locale=event.locale,
        coupon_id=coupon.coupon_id,
        title=title,
        body=body,
        deep_link=coupon.deep_link,
        rule_id=chosen.rule.id,
        rules_version=snapshot.rules.version,
        merchants_version=snapshot.merchants.version,
        ranked_by=chosen.rule.rank_coupons_by,
        fitting_coupons=chosen.fitting,
        when_errors=_errors_of(chosen.refusals),
        passed_over=candidate.passed_over.and_also(chosen.passed_over),
        timezone=event.timezone,
        deadline_by=deadline_by,
        store_id=event.store_id,
        variant=variant,
        stakes=_stakes(chosen) if snapshot.rules.choose_within else UNSET,
        failed_asks=candidate.failed_asks,
        canary=UNSET if snapshot.canary is None else snapshot.canary,
    )


def _stakes(chosen: Match) -> Stakes:
    coupon = chosen.coupon
    return Stakes(priority=chosen.rule.priority, discount=coupon.discount, valid_until=coupon.valid_until)


def departure_of(candidate: Candidate, snapshot: Snapshot) -> Departure:
    validated, event = candidate.validated, candidate.validated.event
    return Departure(
        kind="departure",
        position=validated.position,
        event_id=event.event_id,
        user_id=event.user_id,
        merchant_id=event.merchant_id or "",
        event_type=event.type,
        occurred_at=event.occurred_at,
        received_at=event.received_at,
        read_at=validated.read_at,
        deadline=validated.deadline,
        locale=event.locale,
        timezone=event.timezone,
        store_id=event.store_id,
        rules_version=snapshot.rules.version,
        canary=UNSET if snapshot.canary is None else snapshot.canary,
    )


def _deadline(candidate: Candidate, chosen: Match) -> tuple[datetime, str | None]:
    """And the clause of the rule that it is, where a rule ends before event and coupon do."""
    deadline = min(candidate.validated.deadline, chosen.coupon.valid_until)
    ends = chosen.ends
    return ends if ends is not None and ends[0] < deadline else (deadline, None)


def _text(event: SavingEvent, chosen: Match, merchant: Merchant) -> tuple[str | None, str, str]:
    """Which of several texts in turn it is, title and body."""
    variant, message = text_for(chosen.rule.message, event.user_id)
    return variant, *render(message, event.locale, merchant, chosen.coupon)


def _errors_of(refusals: tuple[Refusal, ...]) -> dict[str, str]:
    return {each.rule_id: each.error for each in refusals if each.error and each.clause is Clause.WHEN}


def versions_of(snapshot: Snapshot) -> Versions:
    return Versions(rules=snapshot.rules.version, merchants=snapshot.merchants.version, canary=snapshot.canary)


def when_errors(outcome: Forward[Alert] | Decided) -> list[str]:
    """The rules whose `when` failed on the way to this outcome."""
    if isinstance(outcome, Forward):
        return list(outcome.value.when_errors)
    refusals = outcome.details.get("refusals", ())
    return [each["rule_id"] for each in refusals if _ERROR in each] if isinstance(refusals, list) else []


def coupons_passed_over(outcome: Forward[Alert] | Decided) -> int:
    """How many coupons were passed over on the way to this outcome, in all stages."""
    return outcome.value.passed_over.count if isinstance(outcome, Forward) else count_in(outcome.details)
