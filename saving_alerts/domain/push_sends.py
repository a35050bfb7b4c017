"""The sends of a user in the Table `push_sends`: caps count them even if Redis has lost its data (docs/claims.md)."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from saving_alerts.domain.caps import MAX_CAP_HOURS, CountedSend
from saving_alerts.domain.source_position import SourcePosition

REMEMBERED = timedelta(hours=MAX_CAP_HOURS)  # no cap looks back further


class PushSend(CountedSend, frozen=True, gc=False, kw_only=True):
    """One push that was accepted, or may have been (`uncertain`), with its event."""

    position: SourcePosition
    event_id: str
    uncertain: bool = False


def of_position(sends: Iterable[PushSend], position: SourcePosition) -> PushSend | None:
    """The send of this source position, which is no duplicate of itself and is not counted against its own caps."""
    return next((send for send in sends if send.position == position), None)


def of_event(sends: Iterable[PushSend], event_id: str) -> PushSend | None:
    return next((send for send in sends if send.event_id == event_id), None)


def remembered(sends: Iterable[PushSend], now: datetime) -> tuple[PushSend, ...]:
    """The sends that a cap can still count."""
    return tuple(send for send in sends if now - send.sent_at < REMEMBERED)


def with_send(sends: Sequence[PushSend], send: PushSend) -> tuple[PushSend, ...]:
    """The sends with this one added. A position has one entry, with the time of its first send.

    A certain send makes an uncertain entry certain; an uncertain one changes no entry.
    """
    known = of_position(sends, send.position)
    if known is None:
        return (*sends, send)
    if send.uncertain or not known.uncertain:
        return tuple(sends)
    return tuple(msgspec.structs.replace(each, uncertain=False) if each is known else each for each in sends)
