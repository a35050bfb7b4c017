"""How many pushes a user may get in a rolling window of time."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from saving_alerts.domain.decoding import Instant

# A week: Redis (REMEMBERED_MS in claim_scripts/state.lua) and the Table `push_sends` remember sends that long.
MAX_CAP_HOURS = 168


class CapPer(StrEnum):
    USER = "user"
    USER_AND_MERCHANT = "user_and_merchant"


class Cap(msgspec.Struct, frozen=True):
    """At most `pushes` in any `hours` hours, counted per user or per user and merchant."""

    per: CapPer
    pushes: int
    hours: float

    def __str__(self) -> str:
        return f"{self.pushes} per {self.per} in {self.hours:g} h"


# Holds beside the caps of every rules file: those may count per merchant or in minutes, and what is remembered of a
# user must stay small. Nobody wants more than one push an hour, around the clock, for a week.
MOST_SENDS = Cap(CapPer.USER, 168, MAX_CAP_HOURS)


class CountedSend(msgspec.Struct, frozen=True):
    """One push that was, or may have been, accepted by the push API."""

    merchant_id: str
    sent_at: Instant


class Blocked(msgspec.Struct, frozen=True):
    """A full cap, and from when on it allows one more push."""

    cap: Cap
    until: datetime


def blocking_cap(caps: Iterable[Cap], sends: Sequence[CountedSend], merchant_id: str, now: datetime) -> Blocked | None:
    """The full cap that blocks longest, or None when one more push is allowed. reserve.lua computes the same."""
    if not sends:
        return None
    blocked = [block for cap in caps if (block := _block(cap, sends, merchant_id, now))]
    return max(blocked, key=lambda block: block.until, default=None)


def _block(cap: Cap, sends: Sequence[CountedSend], merchant_id: str, now: datetime) -> Blocked | None:
    window = timedelta(hours=cap.hours)
    counted = sorted(send.sent_at for send in sends if now - send.sent_at < window and _counts(cap, send, merchant_id))
    if len(counted) < cap.pushes:
        return None
    return Blocked(cap, counted[-cap.pushes] + window)


def _counts(cap: Cap, send: CountedSend, merchant_id: str) -> bool:
    return cap.per is CapPer.USER or send.merchant_id == merchant_id
