"""The sends of a user in the Table `push_sends`: caps count them even if Redis has lost its data (docs/claims.md)."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from saving_alerts.domain.caps import MAX_CAP_HOURS, CountedSend
from saving_alerts.domain.source_position import SourcePosition

REMEMBERED = timedelta(hours=MAX_CAP_HOURS)  # no cap looks back further


class PushSend(CountedSend, frozen=True, gc=False, kw_only=True):
    """One push that was accepted, or may have been (`uncertain`), with its event.

    `control`: none was made, and the user is charged as if it had been: they are kept back to see whether pushes help.
    """

    position: SourcePosition
    event_id: str
    uncertain: bool = False
    control: bool = False


def of_position(sends: Iterable[PushSend], position: SourcePosition, event_id: str) -> PushSend | None:
    """The send of this very event at this very position: it never caps or duplicates itself.

    Positions come again when the source is deleted and made anew, so another event at the position is another one.
    """
    return next((send for send in sends if send.position == position and send.event_id == event_id), None)


def of_event(sends: Iterable[PushSend], event_id: str) -> PushSend | None:
    return next((send for send in sends if send.event_id == event_id), None)


def remembered(sends: Iterable[PushSend], now: datetime) -> tuple[PushSend, ...]:
    """Those that a cap can still count. One that is dated further ahead than a cap looks back was not written by us."""
    return tuple(send for send in sends if abs(now - send.sent_at) < REMEMBERED)


def with_send(sends: Sequence[PushSend], send: PushSend) -> tuple[PushSend, ...]:
    """The event's entry at its position in place of its last one. The first time counts, and certainty only grows.

    What was charged as control gives way to a push, with its time.
    """
    known = of_position(sends, send.position, send.event_id)
    if known is None:
        return (*sends, send)
    if _certainty(send) <= _certainty(known):
        return tuple(sends)
    certain = send if known.control else msgspec.structs.replace(known, uncertain=False)
    return tuple(certain if each is known else each for each in sends)


def _certainty(send: PushSend) -> int:
    """How much it says that something was sent."""
    if send.control:
        return 0
    return 1 if send.uncertain else 2
