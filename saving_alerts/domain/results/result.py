"""A response that belongs to an alert, as it stands on the topic of results."""

import hashlib
from enum import StrEnum

import msgspec

from saving_alerts.domain.decoding import Instant
from saving_alerts.domain.results.assignments import Arm, Assigned
from saving_alerts.domain.results.responses import Kind, Response
from saving_alerts.domain.source_position import SourcePosition


class JoinedBy(StrEnum):
    """How it is known which alert it belongs to."""

    ID = "id"  # the event names the decision
    MATCH = "match"  # by user, merchant and coupon


class Result(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one alert. The same result can be written again: `result_id` is the same then.

    `response`: where the shopper's event stands on the source. The other fields are those of `Assigned`.
    """

    result_id: str
    kind: Kind
    joined_by: JoinedBy
    response: SourcePosition
    happened_at: Instant
    decision_id: str
    event_id: str
    user_id: str
    merchant_id: str
    rule_id: str
    rules_version: str
    assigned_at: Instant
    arm: Arm = Arm.TREATED
    coupon_id: str | None = None
    variant: str | None = None
    store_id: str | None = None


def result_of(assigned: Assigned, response: Response, joined_by: JoinedBy) -> Result:
    return Result(
        result_id=_result_id(assigned, response),
        kind=response.kind,
        joined_by=joined_by,
        response=response.position,
        happened_at=response.happened_at,
        decision_id=assigned.decision_id,
        event_id=assigned.event_id,
        user_id=assigned.user_id,
        merchant_id=assigned.merchant_id,
        rule_id=assigned.rule_id,
        rules_version=assigned.rules_version,
        assigned_at=assigned.assigned_at,
        arm=assigned.arm,
        coupon_id=assigned.coupon_id,
        variant=assigned.variant,
        store_id=assigned.store_id,
    )


def _result_id(assigned: Assigned, response: Response) -> str:
    """24 hex digits. One alert is opened once and redeemed once, however often the shopper does it."""
    return hashlib.blake2b(
        f"{assigned.decision_id}:{assigned.event_id}:{response.kind}".encode(), digest_size=12
    ).hexdigest()
