"""What a shopper did that may be the result of an alert: an event of the source that says so."""

from datetime import datetime
from enum import StrEnum

import msgspec

from saving_alerts.domain.decoding import Decoder, Instant, Unreadable
from saving_alerts.domain.events import MAX_EVENT_BYTES, MAX_IDENTIFIER_CHARACTERS, EventType, Problem, read_event
from saving_alerts.domain.source_position import SourcePosition


class Kind(StrEnum):
    """What was done."""

    OPENED = "opened"  # a push
    REDEEMED = "redeemed"  # a coupon


KINDS = {EventType.PUSH_OPENED: Kind.OPENED, EventType.COUPON_REDEEMED: Kind.REDEEMED}
# Nearly all events are others, and are not decoded a second time.
_MARKS = tuple(kind.value.encode() for kind in KINDS)


class Response(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event of these, on its way to the partition of its user. `position` is where it stands on the source.

    `happened_at` is the earlier of what phone and tracking API say, `received_at` what the latter says. `decision_id`:
    the alert that the event names itself.
    """

    position: SourcePosition
    kind: Kind
    user_id: str
    happened_at: Instant
    received_at: Instant
    merchant_id: str | None = None
    coupon_id: str | None = None
    decision_id: str | None = None


class _Carried(msgspec.Struct):
    """The fields that only these events have. Upstream may write anything there, and no event is refused for it."""

    decision_id: object = None
    coupon_id: object = None


_carried = Decoder(_Carried, MAX_EVENT_BYTES)


def response_in(raw: bytes | None, position: SourcePosition, latest: datetime) -> Response | None:
    """The response that a record of the source is; None for all others, invalid and dated after `latest`."""
    if raw is None or not any(mark in raw for mark in _MARKS):
        return None
    event = read_event(raw)
    if isinstance(event, Problem) or event.type not in KINDS or event.received_at > latest:
        return None
    carried = _carried.read(raw)
    told = _Carried() if isinstance(carried, Unreadable) else carried
    return Response(
        position=position,
        kind=KINDS[event.type],
        user_id=event.user_id,
        happened_at=min(event.occurred_at, event.received_at),
        received_at=event.received_at,
        merchant_id=event.merchant_id,
        coupon_id=_identifier(told.coupon_id),
        decision_id=_identifier(told.decision_id),
    )


def _identifier(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= MAX_IDENTIFIER_CHARACTERS else None
