"""Claims on a user's next push, and every answer to asking for one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import msgspec

from saving_alerts.domain.caps import Cap
from saving_alerts.domain.source_position import SourcePosition


class Claim(msgspec.Struct, frozen=True):
    """The token of one claim: who wants to push what for which position."""

    user_id: str
    merchant_id: str
    event_id: str
    position: SourcePosition
    incarnation: str
    number: int


@dataclass(frozen=True, slots=True)
class Granted:
    """The user is ours until `lease_until` (by the throttle's clock); `taken_over` from ourselves or an ended lease."""

    lease_until: datetime
    taken_over: bool = False


@dataclass(frozen=True, slots=True)
class AlreadySent:
    """This very position was pushed before: the answer is the same again. `uncertain` when it ended so."""

    sent_at: datetime
    uncertain: bool = False


@dataclass(frozen=True, slots=True)
class DuplicateOf:
    """This event id was pushed for another position."""

    position: SourcePosition


@dataclass(frozen=True, slots=True)
class CapReached:
    cap: Cap
    until: datetime


@dataclass(frozen=True, slots=True)
class Busy:
    """Another live claim of this user stands in the way until it is settled, or `until` its lease ends.

    `own_position`: it is this very position's, held by another incarnation, so a push may be on its way.
    """

    until: datetime
    own_position: bool = False


Reservation = Granted | AlreadySent | DuplicateOf | CapReached | Busy


class Throttle(Protocol):
    """Claims on a user's next push. Every call is idempotent by its claim; every one can raise UnavailableError."""

    async def check(self) -> None:
        """Do as much as a claim takes, for nobody. It also fails if a call has failed since the last check."""

    async def reserve(self, claim: Claim, caps: tuple[Cap, ...]) -> Reservation:
        """Ask for the user. This position's own entry is looked for first, before caps and other claims."""

    async def renew(self, claim: Claim) -> datetime | None:
        """Extend a live lease and say until when. None: the lease has ended or the claim is another's."""

    async def confirm(self, claim: Claim, *, uncertain: bool) -> None:
        """The push was, or may have been, accepted: charge it for good, even if the claim is gone."""

    async def release(self, claim: Claim) -> bool:
        """Nothing was sent: take the charge back. False: the lease has ended or was another's, so the charge stays."""
