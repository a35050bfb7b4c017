"""The last step: one push, never two, never late, nobody silenced.

Theory. A push can be sent twice in two ways: two workers believe that the event is theirs, or an attempt without an
answer arrives after all. Against the first stands a claim on the user, with a lease, in the throttle. Against the other
stand the idempotency key, `Request-Not-After` (nothing of ours is accepted after the lease or the deadline), and the
memory of this task: once one of its attempts is unclear, only "accepted" ends it well, and all else is
`push_uncertain` and stays charged. A claim that was taken over counts as unclear: its former owner may have sent.

One try is: wait for everything that can be waited for, hold the claim, make at most one attempt. So a claim is short,
and a no that is known before takes none. Of a user who is kept back as control the caps are charged where the claim
would be, and nothing is sent. docs/claims.md has the rules, each with what happens without it.
"""

from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from saving_alerts.domain.alerts import Alert, idempotency_key
from saving_alerts.domain.push_sends import of_position
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.failpoints import Failpoint
from saving_alerts.pipeline.claim_holder import ClaimHolder
from saving_alerts.pipeline.dispatch_ports import DispatchPorts
from saving_alerts.pipeline.gathering import ALONE, Slot
from saving_alerts.pipeline.outcomes import Decided
from saving_alerts.pipeline.preconditions import Preconditions, Unmet
from saving_alerts.pipeline.push_decisions import because_of, decided_by, name_of, outcome, sent_before
from saving_alerts.ports.consent import NotKnown
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.ports.push_sender import Accepted, Attempt, Refused, Throttled, TooLate, Unclear
from saving_alerts.ports.throttle import (
    AlreadySent,
    BudgetSpent,
    Busy,
    CapReached,
    Charged,
    DuplicateOf,
    Free,
    Granted,
    Known,
    OtherDay,
    Outbid,
    Outnumbered,
    Reservation,
    View,
)

FIRST_PAUSE = timedelta(milliseconds=100)
LONGEST_PAUSE = timedelta(seconds=2)


class Dispatcher(DispatchPorts):
    """Dispatches alerts, each by itself."""

    __slots__ = ()

    async def dispatch_push(self, alert: Alert, rules: RuleSet, slot: Slot = ALONE) -> Decided:
        """Send the alert, or say why not. Ends at the latest one lease after the alert's deadline.

        `slot`: with which others it was gathered. Of all of them one is sent at most.
        """
        if known := of_position(self.push_sends.of(alert.user_id), alert.position, alert.event_id):
            return decided_by(alert, rules, outcome(known, self.sent), sent_before(known.sent_at))
        preconditions = await self.preconditions_of(alert, rules, slot)
        dispatch = _Dispatch(self, alert, rules, slot, self.claim_of(alert, rules, slot), preconditions)
        pause = FIRST_PAUSE
        while (decided := await dispatch.try_once()) is None:
            self.drain.end()
            await self.clock.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        return decided


@dataclass(slots=True)
class _Dispatch:
    """One alert on its way out, and what this task remembers of it."""

    dispatcher: Dispatcher
    alert: Alert
    rules: RuleSet
    slot: Slot
    claim: ClaimHolder
    preconditions: Preconditions
    unclear: bool = False  # an attempt of ours may have arrived (docs/claims.md, rule 8)
    attempts: list[str] = field(default_factory=list)

    @property
    def stays_charged(self) -> bool:
        """Whatever ends it but a yes is uncertain: an answer that says "not sent" must not leave a charge behind."""
        return self.unclear or self.claim.taken_over or self.claim.kept or self.claim.held_elsewhere

    @property
    def _is_kept_back(self) -> bool:
        """As control. Not so where something may have been sent, by this task or by a former owner."""
        return self.alert.control and not (self.unclear or self.claim.taken_over)

    async def try_once(self) -> Decided | None:
        """Wait, claim, attempt. None: nothing is decided yet, try again."""
        await self.dispatcher.consent.wait_until_known(self.alert.user_id, self.alert.deadline)
        async with self._slot() as may_start:
            try:
                view = await self._look(may_start=may_start)
                if not isinstance(view, Known):
                    return self._no_claim() if isinstance(view, Free) else await self._without_claim(view)
                standing = await self._claim(may_start=may_start)
            except UnavailableError as error:
                return await self._without_throttle(error)
            if isinstance(standing, Charged):
                return await self._control(standing.sent_at)
            if isinstance(standing, datetime):
                return await self._with_lease(standing, may_start=may_start)
            return await self._without_claim(standing)

    def _slot(self) -> AbstractAsyncContextManager[bool]:
        """Whether an attempt may start. A device that is gone gets none, so nobody else waits for it."""
        return nullcontext(False) if self.preconditions.gone else self.dispatcher.sender.slot(self.alert.deadline)

    async def _look(self, *, may_start: bool) -> View:
        """Where no attempt may start, a look at the claims that takes none.

        Known: go on with a claim, because an attempt may start, or because something of this event may stand there.
        """
        if self.stays_charged or self.claim.is_asked_for or (may_start and self._no_claim() is None):
            return Known()
        return await self.claim.look()

    def _no_claim(self) -> Decided | None:
        """Why no claim is worth taking, as far as anyone can say without the throttle."""
        unmet = self.preconditions.unmet() or self.preconditions.refused()
        return None if unmet is None else self._ended(unmet)

    async def _claim(self, *, may_start: bool) -> datetime | Reservation | Charged:
        """Hold a claim. For a user who is kept back charge the caps in its place, when an attempt could start."""
        may_charge = may_start and self._is_kept_back and not self.claim.is_asked_for and self._no_claim() is None
        if may_charge and not isinstance(self.preconditions.against(), NotKnown):
            charge = await self.claim.charge_control()
            if not isinstance(charge, Known):
                return charge
        return await self.claim.hold(unclear=self.unclear)

    async def _with_lease(self, lease_until: datetime, *, may_start: bool) -> Decided | None:
        if unmet := self.preconditions.unmet():  # what the sender refuses, the attempt itself says
            await self._release()
            return await self._unless_charged(self._ended(unmet))
        if self._is_kept_back or isinstance(self.preconditions.against(), NotKnown):
            await self._release()
            return None  # the next try waits for it, or charges, without a claim
        if not may_start:
            return None  # the deadline is about to pass
        if lease_until - self.dispatcher.clock.now() < self.dispatcher.lease_left:
            return None  # the next try renews, or claims again
        attempt = await self._attempt(min(lease_until, self.alert.deadline))
        self.attempts.append(name_of(attempt))
        return await self._after(attempt)

    async def _attempt(self, not_after: datetime) -> Attempt:
        key = idempotency_key(self.alert.user_id, self.alert.event_id)
        attempt = await self.dispatcher.sender.attempt(self.preconditions.push(), key, not_after)
        self.dispatcher.failpoints.reach(Failpoint.AFTER_PUSH_ANSWER)
        self.unclear = self.unclear or isinstance(attempt, Unclear)
        return attempt

    async def _after(self, attempt: Attempt) -> Decided | None:
        match attempt:
            case Accepted(status):
                await self.claim.confirm(uncertain=False)
                return self._decided(self.dispatcher.sent, status=status)
            case Refused():
                return await self._refused(attempt)
            case TooLate() | Throttled():
                await self._release()
                return None
            case Unclear():
                return None

    async def _refused(self, refused: Refused) -> Decided:
        await self._release()
        # Not where something may have arrived: the event that comes again must not be told that nothing was sent.
        if refused.gone is not None and not self.stays_charged:
            await self.dispatcher.gone_devices.remember(self.alert.user_id, refused.gone, self.dispatcher.clock.now())
        gone = {} if refused.gone is None else {"device_gone": refused.gone}
        details = {"status": refused.status, "answer": refused.text, **gone}
        return await self._unless_charged(self._decided(Reason.PUSH_REFUSED, **details))

    async def _without_claim(self, reservation: Reservation) -> Decided | None:
        match reservation:
            case AlreadySent():
                return await self._known(reservation)
            case Busy(until, own_position):
                # Whoever holds this very position may have sent it: only when its lease has ended can anyone say more.
                return None if own_position else await self._if_late(until)
            case OtherDay():
                return await self._if_late(None)  # the next try names another day
            case DuplicateOf() | CapReached() | Outbid() | BudgetSpent():
                sends = self.dispatcher.push_sends.of(self.alert.user_id)
                reason, told = because_of(reservation, self.slot, sends)
                return await self._unless_charged(self._decided(reason, **told))
            case Outnumbered():
                return None  # the next try claims with a new number
            case Granted():
                raise AssertionError("a grant is a lease")

    async def _if_late(self, busy_until: datetime | None) -> Decided | None:
        if not self.preconditions.is_late:
            return None
        return await self._unless_charged(self._ended(self.preconditions.late(busy_until)))

    async def _known(self, known: AlreadySent) -> Decided:
        # A dead owner may have got as far as the throttle only.
        await self.claim.remember(known)
        decided = self._decided(outcome(known, self.dispatcher.sent), **sent_before(known.sent_at))
        return await self._unless_charged(decided) if known.control else decided

    async def _unless_charged(self, decided: Decided) -> Decided:
        """Whatever the throttle says, an attempt that may have arrived stays charged (docs/claims.md, rule 8)."""
        return await self._uncertain() if self.stays_charged else decided

    async def _without_throttle(self, error: UnavailableError) -> Decided | None:
        """No throttle, no push: hold until the deadline, and leave no claim that was granted unheard."""
        if not self.preconditions.is_late:
            return None
        if self.claim.may_be_charged and not self.stays_charged:
            return await self._control(self.dispatcher.clock.now(), throttle=str(error))
        await self._release()
        return await self._unless_charged(self._decided(Reason.EXPIRED, throttle=str(error)))

    async def _control(self, charged_at: datetime, **details: object) -> Decided:
        await self.claim.remember(AlreadySent(charged_at, control=True))
        return self._decided(Reason.CONTROL, **details)

    async def _uncertain(self) -> Decided:
        await self.claim.confirm(uncertain=True)
        return self._decided(Reason.PUSH_UNCERTAIN)

    async def _release(self) -> None:
        await self.claim.release(unclear=self.unclear)

    def _ended(self, unmet: Unmet) -> Decided:
        return self._decided(unmet.reason, **{"attempts": [*self.attempts, *unmet.attempt], **unmet.details})

    def _decided(self, reason: Reason, **details: object) -> Decided:
        return decided_by(self.alert, self.rules, reason, {"attempts": list(self.attempts), **details})
