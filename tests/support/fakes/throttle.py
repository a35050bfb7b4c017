"""The Throttle port in memory. The contract suite holds it against Redis, answer by answer."""

from datetime import datetime, timedelta

from saving_alerts.domain import caps as domain_caps
from saving_alerts.domain.caps import MAX_CAP_HOURS, Cap, CountedSend
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.ports.clock import Clock
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.ports.throttle import (
    AlreadySent,
    Busy,
    CapReached,
    Charged,
    Claim,
    ControlCharge,
    DuplicateOf,
    Free,
    Granted,
    Known,
    Obstacle,
    Outbid,
    Outnumbered,
    Reservation,
    View,
)
from tests.support.fakes.charged_users import Entry, User
from tests.support.fakes.slot_times import Span, lie_in_one, slot_of
from tests.support.fakes.taken_budgets import TakenBudgets

REMEMBERED = timedelta(hours=MAX_CAP_HOURS)
RELEASED_REMEMBERED = timedelta(hours=1)
MOST_RELEASED = 32
MOST_IN_SLOT = 32
BUDGETS = "%budgets"  # no user's name


class FakeThrottle:
    """Claims by `clock`. Instances with the same `users` are workers of one deployment, on one Redis.

    Set `down` and every call raises UnavailableError; clear `users` and Redis has lost all data.
    """

    def __init__(self, clock: Clock, lease_seconds: float = 20, users: dict[str, User] | None = None) -> None:
        self.down = False
        self.users: dict[str, User] = {} if users is None else users
        self._clock = clock
        self._lease = timedelta(seconds=lease_seconds)

    def sends(self, user_id: str) -> list[tuple[SourcePosition, bool]]:
        """What was confirmed for this user, in that order: position, and whether it is uncertain."""
        entries = self._user(user_id).entries.items()
        return [(position, entry.uncertain) for (position, _), entry in entries if entry.sent_at]

    async def check(self) -> None:
        if self.down:
            raise UnavailableError("Redis cannot be reached: this fake is down")
        self._budgets.known_since(self._clock.now())

    async def look(self, claim: Claim, caps: tuple[Cap, ...]) -> View:
        user = self._reached(claim)
        return Known() if _own(claim) in user.entries else self._obstacle(user, claim, caps) or Free()

    async def reserve(self, claim: Claim, caps: tuple[Cap, ...]) -> Reservation:
        user = self._reached(claim)
        own = user.entries.get(_own(claim))
        if own and own.sent_at:
            return AlreadySent(own.sent_at, own.uncertain, own.control)
        if not (own and _has_token(own, claim)) and claim.number <= _highest_released(user, claim):
            return Outnumbered()
        if own:
            return self._reserve_again(user, own, claim)
        return self._obstacle(user, claim, caps) or self._claim_anew(user, claim)

    async def charge_control(self, claim: Claim, caps: tuple[Cap, ...]) -> ControlCharge:
        user = self._reached(claim)
        if own := user.entries.get(_own(claim)):
            if own.sent_at and own.control and _has_token(own, claim):
                return Charged(own.sent_at)
            return AlreadySent(own.sent_at, own.uncertain, own.control) if own.sent_at else Known()
        if against := self._obstacle(user, claim, caps):
            return against
        now = self._clock.now()
        entry = user.entries[_own(claim)] = Entry(claim, now, sent_at=now, control=True)
        _join(user, entry, None, claim)
        return Charged(now)

    async def renew(self, claim: Claim) -> datetime | None:
        own = self._reached(claim).entries.get(_own(claim))
        if not own or not _has_token(own, claim) or not self._is_live(own):
            return None
        own.lease_until = max(own.lease_until, self._clock.now() + self._lease)
        return own.lease_until

    async def confirm(self, claim: Claim, *, uncertain: bool) -> None:
        user = self._reached(claim)
        own = user.entries.get(_own(claim))
        if own and own.sent_at and not own.control and (uncertain or not own.uncertain):
            return
        now = self._clock.now()
        sent_at = max(now, own.charged_at) if own and uncertain else now
        user.entries.pop(_own(claim), None)
        entry = user.entries[_own(claim)] = Entry(claim, now, sent_at=sent_at, uncertain=uncertain)
        _join(user, entry, own, claim)

    async def release(self, claim: Claim) -> bool:
        user = self._reached(claim)
        own = user.entries.get(_own(claim))
        is_held = own is not None and _has_token(own, claim)
        if own and (own.sent_at or (is_held and (own.taken_over or not self._is_live(own)))):
            return False
        if own and is_held:
            self._budgets.give_back(claim.budgets, own.budgets)
            del user.entries[_own(claim)]
        if is_held or _highest_released(user, claim) != claim.number:
            self._remember_release(user, claim)
        return own is None or own.claim.incarnation == claim.incarnation

    async def erase(self, user_id: str) -> datetime | None:
        if self.down:
            raise UnavailableError("Redis cannot be reached: this fake is down")
        entries = self._user(user_id).entries.values()
        if live := [entry.lease_until for entry in entries if self._is_live(entry)]:
            return max(live)
        for entry in entries:
            entry.erased, entry.budgets = True, {}
        return None

    def _remember_release(self, user: User, claim: Claim) -> None:
        highest = max(claim.number, _highest_released(user, claim))
        user.released.pop(claim.incarnation, None)
        user.released[claim.incarnation] = (highest, self._clock.now())
        if len(user.released) > MOST_RELEASED:
            del user.released[next(iter(user.released))]

    def _reserve_again(self, user: User, own: Entry, claim: Claim) -> Reservation:
        if self._is_live(own):
            if own.claim.incarnation != claim.incarnation:
                return Busy(own.lease_until, own_position=True)
            if own.claim.number == claim.number:
                return Granted(own.lease_until, own.taken_over)
        _join(user, own, own, claim)
        own.claim, own.lease_until, own.taken_over, own.erased = claim, self._clock.now() + self._lease, True, False
        return Granted(own.lease_until, taken_over=True)

    def _obstacle(self, user: User, claim: Claim, caps: tuple[Cap, ...]) -> Obstacle | None:
        live = [entry for entry in user.entries.values() if self._is_live(entry)]
        charges = [entry for entry in user.entries.values() if not self._is_live(entry)]
        for entry in charges:
            if entry.claim.event_id == claim.event_id:
                return DuplicateOf(None if entry.erased else entry.claim.position)
        if live:
            return Busy(max(entry.lease_until for entry in live))
        times = _own_slot(user, claim)
        for entry in sorted(charges, key=lambda each: not each.erased):
            is_gathered = entry.claim.event_id in claim.slot or claim.event_id in entry.slot
            if is_gathered or _lies_in_slot(entry, claim, times):
                return Outbid(None, None) if entry.erased else Outbid(entry.claim.event_id, entry.claim.position)
        sends = [CountedSend(entry.claim.merchant_id, entry.charged_at) for entry in charges]
        blocked = domain_caps.blocking_cap(caps, sends, claim.merchant_id, self._clock.now())
        if blocked:
            return CapReached(blocked.cap, blocked.until)
        return self._budgets.spent(claim.budgets, self._clock.now())

    def _claim_anew(self, user: User, claim: Claim) -> Granted:
        budgets = self._budgets.take(claim.budgets, self._clock.now())
        entry = user.entries[_own(claim)] = Entry(claim, self._clock.now() + self._lease, budgets=budgets)
        _join(user, entry, None, claim)
        return Granted(entry.lease_until)

    def _is_live(self, entry: Entry) -> bool:
        return entry.sent_at is None and self._clock.now() < entry.lease_until

    @property
    def _budgets(self) -> TakenBudgets:
        """Where all else is kept, so that it is lost with it."""
        return self.users.setdefault(BUDGETS, User()).budgets

    def _reached(self, claim: Claim) -> User:
        if self.down:
            raise UnavailableError("Redis cannot be reached: this fake is down")
        return self._user(claim.user_id)

    def _user(self, user_id: str) -> User:
        user, now = self.users.setdefault(user_id, User()), self._clock.now()
        old = [own for own, entry in user.entries.items() if now - entry.charged_at >= REMEMBERED]
        for own in old:
            del user.entries[own]
        user.released = {who: each for who, each in user.released.items() if now - each[1] < RELEASED_REMEMBERED}
        return user


def _own(claim: Claim) -> tuple[SourcePosition, str]:
    return claim.position, claim.event_id


def _has_token(own: Entry, claim: Claim) -> bool:
    """Whatever is said of the slot: it is no part of the token."""
    mine, its = own.claim, claim
    return (mine.position, mine.incarnation, mine.number) == (its.position, its.incarnation, its.number)


def _join(user: User, entry: Entry, own: Entry | None, claim: Claim) -> None:
    """The entry has the slot of what stood there, and of the claim."""
    slot = dict.fromkeys((*(own.slot if own else ()), *claim.slot))
    entry.slot = tuple(each for each in slot if each != claim.event_id)[:MOST_IN_SLOT]
    known = [times for times in (own.slot_times if own else None, _own_slot(user, claim)) if times]
    entry.slot_times = min(known, key=lambda times: times[0], default=None)


def _own_slot(user: User, claim: Claim) -> Span | None:
    others = [each.slot_times for own, each in user.entries.items() if own != _own(claim)]
    return slot_of(claim.slot_times, [each for each in others if each]) if claim.slot_times else None


def _lies_in_slot(entry: Entry, claim: Claim, times: Span | None) -> bool:
    if claim.slot_times is None or times is None or entry.slot_times is None:
        return False
    return lie_in_one(claim.slot_times.received_at, times, entry.slot_times)


def _highest_released(user: User, claim: Claim) -> int:
    """Of the claim's incarnation; -1 if none is remembered."""
    released = user.released.get(claim.incarnation)
    return released[0] if released else -1
