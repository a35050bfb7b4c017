"""The reference for when a slot is: what `claim_scripts/slot_times.lua` does, in Python."""

from collections.abc import Sequence
from datetime import datetime

from saving_alerts.ports.throttle import SlotTimes

Span = tuple[datetime, datetime]  # from, and to: that is no part of it


def slot_of(times: SlotTimes, charged: Sequence[Span] = ()) -> Span:
    """From when to when the slot of an event is, beside slots that are charged: a member in one has begun none."""

    def begins(at: datetime) -> bool:
        return at == times.received_at or not any(began <= at < ends for began, ends in charged)

    slots: list[Span] = []
    for at, limit in times.members:
        if begins(at):
            if not slots or at >= slots[-1][1]:
                slots.append((at, at + times.within))
            slots[-1] = slots[-1][0], min(slots[-1][1], limit)
    return [slot for slot in slots if slot[0] <= times.received_at][-1]


def lie_in_one(at: datetime, slot: Span, charged: Span) -> bool:
    """An event of `slot` lies in a charged one by its time, or the charged one began while its own lasted."""
    return charged[0] <= at < charged[1] or at < charged[0] < slot[1]
