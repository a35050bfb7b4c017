"""The last step: one push, never two, never late, nobody silenced.

Theory. A push can be sent twice in two ways: two workers believe that the event is theirs, or an attempt without an
answer arrives after all. Against the first stands a claim on the user, with a lease, in the throttle. Against the
second stand three things: the idempotency key, `Request-Not-After` (nothing of ours is accepted after the lease or the
deadline), and the memory of this task: once one of its attempts is unclear, only "accepted" ends it well, and
everything else is `push_uncertain` and stays charged. Silence beats a second push.

One turn of the loop is: wait for everything that can be waited for, hold the claim, make at most one attempt. Waits
come before the claim, so that a claim is short. A claim that was taken over counts as unclear from the start, because
its former owner may have sent. The position's own entry is looked up even after the deadline: it may be pushed.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from saving_alerts.domain.alerts import CATEGORY, Alert, Push, PushTrace, idempotency_key, rfc3339
from saving_alerts.domain.caps import blocking
from saving_alerts.domain.decisions import Versions, decision_id
from saving_alerts.domain.kill_switches import blocking as killed_by
from saving_alerts.domain.push_sends import PushSend, of_event, of_position
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.failpoints import Failpoint, Failpoints
from saving_alerts.pipeline.outcomes import Decided
from saving_alerts.ports.clock import Clock
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.ports.kill_switches import KillSwitches
from saving_alerts.ports.push_sender import Accepted, Attempt, PushSender, Refused, Throttled, TooLate, Unclear
from saving_alerts.ports.push_sends import PushSends
from saving_alerts.ports.throttle import (
    AlreadySent,
    Busy,
    CapReached,
    Claim,
    DuplicateOf,
    Granted,
    Reservation,
    Throttle,
)

FIRST_PAUSE = timedelta(milliseconds=100)
LONGEST_PAUSE = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """What every dispatch needs: the ports, who we are, and how much lease an attempt asks for."""

    throttle: Throttle
    sender: PushSender
    push_sends: PushSends
    kill_switches: KillSwitches
    clock: Clock
    incarnation: str
    lease_left: timedelta
    claim_numbers: Iterator[int]
    sent: Reason = Reason.PUSHED  # in a dry run nothing is
    failpoints: Failpoints = field(default_factory=Failpoints)

    async def dispatch_push(self, alert: Alert, rules: RuleSet) -> Decided:
        """Send the alert, or say why not. Ends at the latest one lease after the alert's deadline."""
        if known := of_position(self.push_sends.of(alert.user_id), alert.position):
            return _decided(alert, rules, self.outcome(uncertain=known.uncertain), _again(known.sent_at))
        dispatch = _Dispatch(self, alert, rules)
        pause = FIRST_PAUSE
        while (decided := await dispatch.turn()) is None:
            await self.clock.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        return decided

    def outcome(self, *, uncertain: bool) -> Reason:
        """How an event ends whose push was, or may have been, accepted."""
        return Reason.PUSH_UNCERTAIN if uncertain else self.sent


@dataclass(slots=True)
class _Dispatch:
    """One alert on its way out, and what this task remembers of it."""

    dispatcher: Dispatcher
    alert: Alert
    rules: RuleSet
    claim: Claim | None = None
    granted: bool = False  # whether the throttle was heard to grant the claim
    unclear: bool = False  # an attempt of ours may have arrived (rule 8)
    taken_over: bool = False  # so may one of the claim's former owner (rule 5)
    lease_until: datetime | None = None  # the last we heard of
    kept: bool = False  # a claim did not go back: nothing was sent, but it is charged all the same
    attempts: list[str] = field(default_factory=list)

    @property
    def may_have_been_sent(self) -> bool:
        return self.unclear or self.taken_over

    @property
    def stays_charged(self) -> bool:
        """Whatever ends it but a yes is uncertain: an answer that says "not sent" must not leave a charge behind."""
        return self.may_have_been_sent or self.kept

    @property
    def is_late(self) -> bool:
        return self.dispatcher.clock.now() >= self.alert.deadline

    async def turn(self) -> Decided | None:
        """Wait, claim, attempt. None: nothing is decided yet, come again."""
        async with self.dispatcher.sender.turn(self.alert.deadline) as may_start:
            try:
                standing = await self._hold_claim()
            except UnavailableError as error:
                return await self._without_throttle(error)
            if isinstance(standing, datetime):
                return await self._with_lease(standing, may_start=may_start)
            return await self._without_claim(standing)

    async def _hold_claim(self) -> datetime | Reservation:
        """Until when the claim is ours, or why it is not."""
        throttle = self.dispatcher.throttle
        if self.claim is not None and self.granted:
            lease_until = await throttle.renew(self.claim)
            if lease_until is not None:
                self.dispatcher.failpoints.reach(Failpoint.AFTER_RENEW)
                self.lease_until = lease_until
                return lease_until
            self.claim = None
        # A claim whose answer was lost is asked for again as it is: a second answer is the same as the first.
        self.claim = self.claim or self._new_claim()
        self.granted = False
        reservation = await throttle.reserve(self.claim, self.rules.caps)
        if isinstance(reservation, Granted):
            self.dispatcher.failpoints.reach(Failpoint.AFTER_RESERVE)
            self.granted = True
            self.taken_over = self.taken_over or reservation.taken_over
            self.lease_until = reservation.lease_until
            return await self._fenced() or reservation.lease_until
        self.claim = None
        return reservation

    async def _fenced(self) -> Reservation | None:
        """What the Table knows against a grant of a throttle that forgot. The claim goes back if nothing was sent."""
        sends, alert = self.dispatcher.push_sends.of(self.alert.user_id), self.alert
        refusal: Reservation | None = None
        if same_event := of_event(sends, alert.event_id):
            refusal = DuplicateOf(same_event.position)
        elif blocked := blocking(self.rules.caps, sends, alert.merchant_id, self.dispatcher.clock.now()):
            refusal = CapReached(blocked.cap, blocked.until)
        if refusal is not None:
            await self._give_back()
        return refusal

    def _new_claim(self) -> Claim:
        alert = self.alert
        return Claim(
            user_id=alert.user_id,
            merchant_id=alert.merchant_id,
            event_id=alert.event_id,
            position=alert.position,
            incarnation=self.dispatcher.incarnation,
            number=next(self.dispatcher.claim_numbers),
        )

    async def _with_lease(self, lease_until: datetime, *, may_start: bool) -> Decided | None:
        if self.is_late or not may_start:
            return await self._too_late()
        if switch := killed_by(self.dispatcher.kill_switches.switches, self.alert.merchant_id, self.alert.rule_id):
            await self._give_back()
            return await self._unless_charged(self._decided(Reason.KILLED, switch=str(switch)))
        if lease_until - self.dispatcher.clock.now() < self.dispatcher.lease_left:
            return None  # the next turn renews, or claims again
        attempt = await self._attempt(min(lease_until, self.alert.deadline))
        self.attempts.append(_name(attempt))
        return await self._after(attempt)

    async def _attempt(self, not_after: datetime) -> Attempt:
        key = idempotency_key(self.alert.user_id, self.alert.event_id)
        attempt = await self.dispatcher.sender.attempt(self._push(), key, not_after)
        self.dispatcher.failpoints.reach(Failpoint.AFTER_PUSH_ANSWER)
        self.unclear = self.unclear or isinstance(attempt, Unclear)
        return attempt

    async def _after(self, attempt: Attempt) -> Decided | None:
        match attempt:
            case Accepted(status):
                await self._confirm(uncertain=False)
                return self._decided(self.dispatcher.sent, status=status)
            case Refused(status, text):
                return await self._refused(status, text)
            case TooLate() | Throttled():
                await self._give_back()
                return None
            case Unclear():
                return None

    async def _refused(self, status: int | None, text: str) -> Decided:
        await self._give_back()
        return await self._unless_charged(self._decided(Reason.PUSH_REFUSED, status=status, answer=text))

    async def _without_claim(self, reservation: Reservation) -> Decided | None:
        match reservation:
            case AlreadySent(sent_at, uncertain):
                # A dead owner may have got as far as the throttle only.
                await self._remember(sent_at, uncertain=uncertain)
                return self._decided(self.dispatcher.outcome(uncertain=uncertain), **_again(sent_at))
            case Busy(until, own_position):
                # Whoever holds this very position may have sent it: only when its lease has ended can anyone say more.
                return None if own_position or not self.is_late else await self._unless_charged(self._late(until))
            case DuplicateOf(position):
                return await self._unless_charged(self._decided(Reason.DUPLICATE, of=str(position)))
            case CapReached(cap, until):
                return await self._unless_charged(self._decided(Reason.CAPPED, cap=str(cap), until=rfc3339(until)))
            case Granted():
                raise AssertionError("a grant is a lease")

    async def _unless_charged(self, decided: Decided) -> Decided:
        """Whatever the throttle says, an attempt of this task that may have arrived stays charged (rule 8)."""
        return await self._uncertain() if self.stays_charged else decided

    async def _without_throttle(self, error: UnavailableError) -> Decided | None:
        """No throttle, no push: hold until the deadline, and leave no claim that was granted unheard."""
        if not self.is_late:
            return None
        await self._give_back()
        return await self._unless_charged(self._decided(Reason.EXPIRED, throttle=str(error)))

    async def _too_late(self) -> Decided | None:
        if not self.is_late:
            return None
        await self._give_back()
        return await self._unless_charged(self._late(None))

    async def _uncertain(self) -> Decided:
        await self._confirm(uncertain=True)
        return self._decided(Reason.PUSH_UNCERTAIN)

    async def _confirm(self, *, uncertain: bool) -> None:
        """Charge it for good, first where it cannot be forgotten. Without a throttle the lease's end does the same."""
        now = self.dispatcher.clock.now()
        # A request that is still under way may be accepted until the lease ends: a cap is counted from there.
        charged_at = max(now, self.lease_until or now) if uncertain else now
        await self._remember(charged_at, uncertain=uncertain)
        self.dispatcher.failpoints.reach(Failpoint.AFTER_TABLE_WRITE)
        with suppress(UnavailableError):
            await self.dispatcher.throttle.confirm(self.claim or self._new_claim(), uncertain=uncertain)
        self.dispatcher.failpoints.reach(Failpoint.AFTER_CONFIRM)

    async def _remember(self, sent_at: datetime, *, uncertain: bool) -> None:
        alert = self.alert
        send = PushSend(
            merchant_id=alert.merchant_id,
            sent_at=sent_at,
            position=alert.position,
            event_id=alert.event_id,
            uncertain=uncertain,
        )
        await self.dispatcher.push_sends.record(alert.user_id, send)

    async def _give_back(self) -> None:
        """The claim goes back when nothing can have been sent under it; else it stays and is renewed (rule 6).

        One that was never heard to be granted charges nobody we know of: most likely it never arrived.
        """
        if self.may_have_been_sent or self.claim is None:
            return
        claim, was_granted, self.claim = self.claim, self.granted, None
        try:
            went_back = await self.dispatcher.throttle.release(claim)
        except UnavailableError:
            went_back = not was_granted
        self.kept = self.kept or not went_back

    def _late(self, busy_until: datetime | None) -> Decided:
        late = self.dispatcher.clock.now() - self.alert.deadline
        details: dict[str, object] = {"late_seconds": round(late.total_seconds(), 3)}
        if busy_until is not None:
            details["busy_until"] = rfc3339(busy_until)
        return self._decided(Reason.EXPIRED, **details)

    def _decided(self, reason: Reason, **details: object) -> Decided:
        return _decided(self.alert, self.rules, reason, {"attempts": list(self.attempts), **details})

    def _push(self) -> Push:
        alert = self.alert
        left = alert.deadline - self.dispatcher.clock.now()
        return Push(
            user_id=alert.user_id,
            title=alert.title,
            body=alert.body,
            deep_link=alert.deep_link,
            locale=alert.locale,
            category=CATEGORY,
            collapse_key=f"{CATEGORY}:{alert.merchant_id}",
            ttl_seconds=max(1, int(left.total_seconds())),
            not_after=rfc3339(alert.deadline),
            trace=PushTrace(
                event_id=alert.event_id,
                decision_id=decision_id(alert.position, Reason.PUSHED),
                rule_id=alert.rule_id,
                rules_version=alert.rules_version,
            ),
        )


def _again(sent_at: datetime) -> dict[str, object]:
    return {"again": True, "sent_at": rfc3339(sent_at)}


def _decided(alert: Alert, rules: RuleSet, reason: Reason, details: Mapping[str, object]) -> Decided:
    told: dict[str, object] = {"rule_id": alert.rule_id, "coupon_id": alert.coupon_id}
    if alert.ranked_by is not None:  # of this coupon among how many; alerts of older releases do not say
        told |= {"ranked_by": alert.ranked_by, "fitting_coupons": alert.fitting_coupons}
    versions = Versions(rules=alert.rules_version, merchants=alert.merchants_version, caps=rules.version)
    return Decided(reason, {**told, **details}, versions)


def _name(attempt: Attempt) -> str:
    match attempt:
        case Accepted(status):
            return f"accepted {status}"
        case Refused(status, _):
            return f"refused {status}"
        case TooLate():
            return "too late"
        case Throttled(retry_after):
            return f"throttled for {retry_after.total_seconds():g} s"
        case Unclear(text):
            return f"unclear: {text}"
