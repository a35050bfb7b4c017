"""How many pushes a user may get: rolling windows over what was already sent."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from saving_alerts.domain.decoding import Instant

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


class CountedSend(msgspec.Struct, frozen=True):
    """One push that was or may have been accepted."""

    merchant_id: str
    sent_at: Instant


class Blocked(msgspec.Struct, frozen=True):
    """The cap that stands in the way, and when the user has room again under it."""

    cap: Cap
    until: datetime


def blocking_cap(caps: Iterable[Cap], sends: Sequence[CountedSend], merchant_id: str, now: datetime) -> Blocked | None:
    """The cap that blocks longest, or None when one more push is allowed."""
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
