"""Claims on a user's next push, and every answer to `reserve`. The rules are in docs/claims.md."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from saving_alerts.domain.budgets import BudgetDay
from saving_alerts.domain.caps import Cap
from saving_alerts.domain.source_position import SourcePosition


class SlotTimes(msgspec.Struct, frozen=True):
    """What says when the slot of an event is: times of events, so the same at every redelivery.

    A slot begins with the first event that lies in no slot before it, and lasts `within`. `members` are all that were
    gathered, the event among them, in their order: when each was received, and until when a gathering with it can last.
    """

    received_at: datetime
    within: timedelta
    members: tuple[tuple[datetime, datetime], ...]


class Claim(msgspec.Struct, frozen=True):
    """One claim. Position, incarnation of the worker and number are its token; number counts up in an incarnation.

    Positions come again when the source is made anew: an entry belongs to a position and an event id.
    No part of the token are its slot and its budgets: `slot` are the event ids of the others with which this one was
    gathered for one push, `slot_times` say when it is, None where nothing is gathered; `budgets` are the days of which
    it is to have a part.
    """

    user_id: str
    merchant_id: str
    event_id: str
    position: SourcePosition
    incarnation: str
    number: int
    slot: tuple[str, ...] = ()
    budgets: tuple[BudgetDay, ...] = ()
    slot_times: SlotTimes | None = None


@dataclass(frozen=True, slots=True)
class Granted:
    """No other claim of the user is granted before `lease_until`, by the throttle's clock.

    `taken_over`: the position had a claim before, ended or of this incarnation, under which a push may have been sent.
    """

    lease_until: datetime
    taken_over: bool = False


@dataclass(frozen=True, slots=True)
class AlreadySent:
    """This very event has a send already, at this position. `uncertain`: its push may have been accepted, or not.

    `control`: nothing was sent, and the user is charged as if it had been.
    """

    sent_at: datetime
    uncertain: bool = False
    control: bool = False


@dataclass(frozen=True, slots=True)
class DuplicateOf:
    """The same event id has a send, or an ended claim, at another position: None where the user was erased since."""

    position: SourcePosition | None


@dataclass(frozen=True, slots=True)
class CapReached:
    """A cap is full, until `until`."""

    cap: Cap
    until: datetime


@dataclass(frozen=True, slots=True)
class BudgetSpent:
    """Of that day's budget all is taken that is out by now: so many pushes, with those that may still go back."""

    day: BudgetDay
    taken: int


@dataclass(frozen=True, slots=True)
class OtherDay:
    """By the throttle's clock it is another day than the claim's budgets have: claim again, with those of today."""


@dataclass(frozen=True, slots=True)
class Outbid:
    """Another event of the same slot is charged: None where the user was erased since."""

    event_id: str | None
    position: SourcePosition | None


@dataclass(frozen=True, slots=True)
class Busy:
    """Another live claim of this user blocks this one until it is confirmed or released, at most to `until`.

    `own_position`: it is a claim of this position by another incarnation, which may be sending the push.
    """

    until: datetime
    own_position: bool = False


@dataclass(frozen=True, slots=True)
class Outnumbered:
    """This claim, or one of the same incarnation with a higher number, was released: claim again with a new number."""


@dataclass(frozen=True, slots=True)
class Charged:
    """The user is charged from `sent_at` as for a send. Nothing is to be sent."""

    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Free:
    """A claim would be granted."""


@dataclass(frozen=True, slots=True)
class Known:
    """The event has an entry at this position: only `reserve` can say what becomes of it.

    Of `charge_control`: a claim, under which something may have been sent.
    """


Obstacle = DuplicateOf | CapReached | Busy | Outbid | BudgetSpent | OtherDay
Reservation = Granted | AlreadySent | Outnumbered | Obstacle
View = Free | Known | Obstacle
ControlCharge = Charged | AlreadySent | Known | Obstacle


class Throttle(Protocol):
    """Claims on a user's next push. Every call is idempotent by its claim; every one can raise UnavailableError."""

    async def check(self) -> None:
        """Do as much as a claim takes, for nobody. It also fails if a call has failed since the last check."""

    async def look(self, claim: Claim, caps: tuple[Cap, ...]) -> View:
        """What `reserve` would find for the event of this claim. Nothing is changed."""

    async def reserve(self, claim: Claim, caps: tuple[Cap, ...]) -> Reservation:
        """Ask for a claim. The entry of its own event at its position counts first, before caps and other claims.

        It says who was gathered with it and when its slot is, and so does what becomes of it: of those that were
        gathered with each other, or lie in one slot by their times, one is charged at most (docs/claims.md, rule 11).

        It takes a part of each of its budgets, after the caps have said yes (docs/claims.md, rule 13).

        What was released is never granted again, however late a copy of its `reserve` arrives (docs/claims.md, rule 6).
        """

    async def charge_control(self, claim: Claim, caps: tuple[Cap, ...]) -> ControlCharge:
        """In place of a claim, for a user who is kept back as control: charge the caps as for a send, if they allow it.

        The entry of the event at its position counts first, as for `reserve`. What is charged stands for good. Where a
        budget is spent nothing is charged; otherwise nothing is taken of it.
        """

    async def renew(self, claim: Claim) -> datetime | None:
        """Extend a live lease; returns its new end. None: the lease has ended, or the claim has another token."""

    async def confirm(self, claim: Claim, *, uncertain: bool) -> None:
        """Record a send that was, or may have been (`uncertain`), accepted, even if the claim is gone.

        It takes the place of what was charged as control.
        """

    async def release(self, claim: Claim) -> bool:
        """Take the charge back, and its parts of budgets: nothing was sent under the claim.

        False: a charge stays, because the claim has ended or was taken over, or the position has a send, or a claim of
        another incarnation.
        """

    async def erase(self, user_id: str) -> datetime | None:
        """Keep what is charged to the user under a token only. Every call finds it there as before.

        Until when a claim lives, where one does: nothing was changed then. None: it is done.
        """
