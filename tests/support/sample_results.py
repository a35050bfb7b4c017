"""Decisions of dispatch, and what shoppers do then, as values and as they stand on topics."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from aiokafka import ConsumerRecord

from saving_alerts.domain.decisions import Decision, Stage, Versions, decision_id, push_id
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.results.assignments import Assigned, assigned_by
from saving_alerts.domain.results.responses import Kind, Response
from saving_alerts.domain.source_position import SourcePosition
from tests.support.fakes.clock import START
from tests.support.sample_events import event

MINUTE = timedelta(minutes=1)


def written(value: bytes, offset: int = 0) -> ConsumerRecord:
    """As it stands on a topic."""
    return ConsumerRecord("topic", 0, offset, 0, 0, b"", value, None, -1, -1, ())


def position(number: int) -> SourcePosition:
    return SourcePosition("saving-events", 0, number)


def dispatched(
    number: int,
    reason: Reason = Reason.PUSHED,
    *,
    user_id: str = "u-1",
    at: datetime = START,
    merchant_id: str = "m-1",
    event_id: str | None = None,
    **details: object,
) -> Decision:
    """The decision about the event at this number of the source, read at `at`."""
    named: dict[str, object] = {"rule_id": "coffee", "coupon_id": "c-1", "attempts": ["accepted 201"]}
    return Decision(
        decision_id=decision_id(position(number), reason),
        position=position(number),
        stage=Stage.DISPATCH_PUSH,
        reason=reason,
        decided_at=at + timedelta(seconds=2),
        worker="w-1",
        read_at=at,
        event_id=event_id or f"e-{number}",
        user_id=user_id,
        merchant_id=merchant_id,
        details=named | details,
        versions=Versions(rules="v1", merchants="merchants-1"),
    )


def assigned(number: int, reason: Reason = Reason.PUSHED, **changed: Any) -> Assigned:  # noqa: ANN401 - fields
    found = assigned_by(dispatched(number, reason, **changed))
    assert found is not None
    return found


def carried(number: int) -> str:
    """The id that the push of this event carries."""
    return push_id(position(number))


def response(number: int, kind: Kind = Kind.REDEEMED, *, at: datetime = START + MINUTE, **changed: Any) -> Response:  # noqa: ANN401 - fields
    """What a shopper did, at this number of the source."""
    fields: dict[str, Any] = {"user_id": "u-1", "merchant_id": "m-1", "coupon_id": "c-1"}
    return Response(position=position(number), kind=kind, happened_at=at, received_at=at, **fields | changed)


def shoppers_event(kind: str, *, at: datetime = START + MINUTE, user_id: str = "u-1", **more: object) -> bytes:
    """As upstream writes it."""
    plain = msgspec.to_builtins(event(occurred_at=at, user_id=user_id))
    return msgspec.json.encode(plain | {"type": kind, "event_id": f"{kind}-{user_id}-{at.timestamp():.0f}"} | more)
