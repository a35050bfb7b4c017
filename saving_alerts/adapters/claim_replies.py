"""What the claim scripts answer, as values of the Throttle port (docs/claims.md).

Raises ValueError or OverflowError for a position or a time that nobody of us can have written.
"""

from collections.abc import Sequence

from saving_alerts.domain.budgets import BudgetDay
from saving_alerts.domain.caps import Cap
from saving_alerts.domain.moments import of_milliseconds
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.ports.throttle import (
    AlreadySent,
    BudgetSpent,
    Busy,
    CapReached,
    Charged,
    ControlCharge,
    DuplicateOf,
    Free,
    Granted,
    Known,
    Obstacle,
    OtherDay,
    Outbid,
    Outnumbered,
    Reservation,
    View,
)

Reply = Sequence[bytes | int]
Budgets = Sequence[BudgetDay]


def outcome_of(reply: Reply) -> str:
    """The first item of a script's reply: which of the answers in docs/claims.md it is."""
    return reply[0].decode() if isinstance(reply[0], bytes) else str(reply[0])


def reservation_of(reply: Reply, caps: tuple[Cap, ...], budgets: Budgets = ()) -> Reservation:
    match reply:
        case [b"granted", int(until), taken_over]:
            return Granted(of_milliseconds(until), bool(taken_over))
        case [b"already_sent", int(sent_at), uncertain, control]:
            return AlreadySent(of_milliseconds(sent_at), bool(uncertain), bool(control))
        case [b"outnumbered"]:
            return Outnumbered()
    return _obstacle(reply, caps, budgets)


def control_charge_of(reply: Reply, caps: tuple[Cap, ...], budgets: Budgets = ()) -> ControlCharge:
    match reply:
        case [b"charged", int(sent_at)]:
            return Charged(of_milliseconds(sent_at))
        case [b"already_sent", int(sent_at), uncertain, control]:
            return AlreadySent(of_milliseconds(sent_at), bool(uncertain), bool(control))
        case [b"known"]:
            return Known()
    return _obstacle(reply, caps, budgets)


def view_of(reply: Reply, caps: tuple[Cap, ...], budgets: Budgets = ()) -> View:
    match reply:
        case [b"free"]:
            return Free()
        case [b"known"]:
            return Known()
    return _obstacle(reply, caps, budgets)


def _obstacle(reply: Reply, caps: tuple[Cap, ...], budgets: Budgets) -> Obstacle:
    match reply:
        case [b"duplicate_of", bytes(position)]:
            return DuplicateOf(SourcePosition.parse(position.decode()) if position else None)
        case [b"cap_reached", int(index), int(until)]:
            return CapReached(caps[index - 1], of_milliseconds(until))
        case [b"budget_spent", int(index), int(taken)]:
            return BudgetSpent(budgets[index - 1], taken)
        case [b"other_day"]:
            return OtherDay()
        case [b"outbid", bytes(event_id), bytes(position)]:
            return Outbid(event_id.decode() or None, SourcePosition.parse(position.decode()) if position else None)
        case [b"busy", int(until), own_position]:
            return Busy(of_milliseconds(until), bool(own_position))
    raise RuntimeError(f"A claim script answered {reply!r}")
