"""The claim on one alert's user, from `reserve` to `confirm` or `release` (docs/claims.md)."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from saving_alerts.domain.alerts import Alert
from saving_alerts.domain.budgets import BudgetDay
from saving_alerts.domain.caps import Cap, blocking_cap
from saving_alerts.domain.erasures import EventAt
from saving_alerts.domain.push_sends import PushSend, of_event
from saving_alerts.failpoints import Failpoint, Failpoints
from saving_alerts.pipeline.drain import Drain
from saving_alerts.ports.clock import Clock
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.ports.push_sends import PushSends
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
    Reservation,
    SlotTimes,
    Throttle,
    View,
)


@dataclass(slots=True)
class ClaimHolder:
    """Holds at most one claim at a time. Its calls raise UnavailableError where the throttle does not answer.

    `taken_over`: a former owner may have sent (docs/claims.md, rule 5). `kept`: a claim did not go back, so the user
    is charged although nothing was sent. `held_elsewhere`: by the last answer, another incarnation has, or had, this
    position in work, and may have sent. `may_be_charged`: as control, and the throttle did not say so.
    """

    alert: Alert
    caps: tuple[Cap, ...]
    throttle: Throttle
    push_sends: PushSends
    clock: Clock
    failpoints: Failpoints
    drain: Drain
    incarnation: str
    numbers: Iterator[int]
    budgets: Callable[[], tuple[BudgetDay, ...]]  # the days of those that it counts for, as of now
    slot: tuple[str, ...] = ()  # the event ids of those it was gathered with
    slot_times: SlotTimes | None = None
    taken_over: bool = False
    kept: bool = False
    held_elsewhere: bool = False
    may_be_charged: bool = False
    _claim: Claim | None = None
    _granted: bool = False  # whether the throttle was heard to grant it
    _lease_until: datetime | None = None  # the last we heard of

    @property
    def is_asked_for(self) -> bool:
        """Whether a claim of ours may stand in the throttle."""
        return self._claim is not None

    async def look(self) -> View:
        """What stands against a claim, in the throttle and in the Table. Nothing is claimed."""
        view = await self.throttle.look(self._new_claim(), self.caps)
        self.may_be_charged = False
        self.held_elsewhere = isinstance(view, Known)
        return self._in_the_table() or view if isinstance(view, Free) else view

    async def charge_control(self) -> ControlCharge:
        """Charge the caps in place of a push, unless Table or throttle say why not. Known: claim, as for a push."""
        if self._in_the_table() is not None and not isinstance(view := await self.look(), Free):
            return view
        self.drain.begin(anew=True)
        self.may_be_charged = True
        charge = await self.throttle.charge_control(self._new_claim(), self.caps)
        self.may_be_charged, self.held_elsewhere = False, isinstance(charge, Known)
        if isinstance(charge, Charged):
            self.failpoints.reach(Failpoint.AFTER_CONTROL_CHARGE)
        return charge

    async def hold(self, *, unclear: bool) -> datetime | Reservation:
        """Until when the claim is ours, or why it is not. `unclear`: an attempt of this task may have arrived.

        From here on a drain waits for the task, until `Drain.end`. Raises CancelledError as `Drain.begin` does.
        """
        self.drain.begin(anew=not (unclear or self.taken_over or self.is_asked_for))
        if self._claim is not None and self._granted and (lease_until := await self._renew(self._claim)):
            return lease_until
        # A claim whose answer was lost is asked for again as it is: a second answer is the same as the first.
        self._claim = self._claim or self._new_claim()
        self._granted = False
        reservation = await self.throttle.reserve(self._claim, self.caps)
        self.held_elsewhere = isinstance(reservation, Busy) and reservation.own_position
        if not isinstance(reservation, Granted):
            self._claim = None
            return reservation
        self.failpoints.reach(Failpoint.AFTER_RESERVE)
        self._granted = True
        self.taken_over = self.taken_over or reservation.taken_over
        self._lease_until = reservation.lease_until
        return await self._fenced(unclear=unclear) or reservation.lease_until

    async def release(self, *, unclear: bool) -> None:
        """The claim goes back when nothing can have been sent under it; else it stays (docs/claims.md, rule 6).

        One that was never heard to be granted charges nobody we know of: most likely it never arrived.
        """
        if unclear or self.taken_over or self._claim is None:
            return
        claim, was_granted, self._claim = self._claim, self._granted, None
        try:
            went_back = await self.throttle.release(claim)
        except UnavailableError:
            went_back = not was_granted
        self.kept = self.kept or not went_back

    async def confirm(self, *, uncertain: bool) -> None:
        """Charge it for good, first where it cannot be forgotten. Without a throttle the lease's end does the same."""
        now = self.clock.now()
        # A request that is still under way may be accepted until the lease ends: a cap is counted from there.
        charged_at = max(now, self._lease_until or now) if uncertain else now
        await self.remember(AlreadySent(charged_at, uncertain))
        self.failpoints.reach(Failpoint.AFTER_TABLE_WRITE)
        with suppress(UnavailableError):
            await self.throttle.confirm(self._claim or self._new_claim(), uncertain=uncertain)
        self.failpoints.reach(Failpoint.AFTER_CONFIRM)

    async def remember(self, sent: AlreadySent) -> None:
        """Write the send, or what is charged in its place, to the Table. Returns when Kafka has it."""
        alert = self.alert
        send = PushSend(
            merchant_id=alert.merchant_id,
            sent_at=sent.sent_at,
            position=alert.position,
            event_id=alert.event_id,
            uncertain=sent.uncertain,
            control=sent.control,
        )
        await self.push_sends.record(alert.user_id, send)

    async def _renew(self, claim: Claim) -> datetime | None:
        """Until when the lease lives now; None when it has ended, and the claim with it."""
        lease_until = await self.throttle.renew(claim)
        if lease_until is None:
            self._claim = None
            return None
        self.failpoints.reach(Failpoint.AFTER_RENEW)
        self._lease_until = lease_until
        return lease_until

    async def _fenced(self, *, unclear: bool) -> Reservation | None:
        """What the Table knows against a grant of a throttle that forgot. The claim goes back if nothing was sent."""
        obstacle = self._in_the_table()
        if obstacle is not None:
            await self.release(unclear=unclear)
        return obstacle

    def _in_the_table(self) -> Obstacle | None:
        alert = self.alert
        sends = self.push_sends.of(alert.user_id, EventAt(alert.position, alert.event_id, alert.merchant_id))
        if same_event := of_event(sends, alert.event_id):
            return DuplicateOf(same_event.position)
        if gathered := next((send for send in sends if send.event_id in self.slot), None):
            return Outbid(gathered.event_id, gathered.position)
        blocked = blocking_cap(self.caps, sends, alert.merchant_id, self.clock.now())
        return CapReached(blocked.cap, blocked.until) if blocked else None

    def _new_claim(self) -> Claim:
        alert = self.alert
        return Claim(
            user_id=alert.user_id,
            merchant_id=alert.merchant_id,
            event_id=alert.event_id,
            position=alert.position,
            incarnation=self.incarnation,
            number=next(self.numbers),
            slot=self.slot,
            budgets=self.budgets(),
            slot_times=self.slot_times,
        )
