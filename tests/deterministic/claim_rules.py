"""The rules of docs/claims.md, held against each call of one worker as it makes it: by what this worker was told."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from saving_alerts.domain.alerts import Push
from saving_alerts.domain.decisions import Decision, Stage
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.ports.clock import Clock
from saving_alerts.ports.push_sender import Accepted, Attempt, Unclear
from saving_alerts.ports.throttle import AlreadySent, Claim, Granted, Reservation
from tests.deterministic.facts import EventFacts
from tests.deterministic.plan import ATTEMPT_SECONDS, MARGIN_SECONDS
from tests.deterministic.trace import Trace

LEASE_LEFT = timedelta(seconds=ATTEMPT_SECONDS + MARGIN_SECONDS)
SENT = (Reason.PUSHED, Reason.PUSH_UNCERTAIN)


@dataclass(slots=True)
class DispatchMemory:
    """What one dispatch of one event was told. `lease_until` is None where an attempt has used it up."""

    task: "asyncio.Task[Any] | None"
    user_id: str
    lease_until: datetime | None = None
    taken_over: bool = False
    unclear: bool = False
    accepted: bool = False
    heard: bool = False
    told_sent: bool = False
    confirming: int = 0
    confirmed: int = 0

    @property
    def may_have_sent(self) -> bool:
        return self.unclear or self.taken_over or self.accepted


@dataclass
class ClaimRules:
    """Of one worker. What it breaks goes into the trace."""

    trace: Trace
    clock: Clock
    facts: dict[str, EventFacts]
    overlap: bool = False  # the next one begins once the last one has decided, and before that is published
    _dispatches: dict[SourcePosition, DispatchMemory] = field(default_factory=dict)
    _positions: dict[tuple[str, str], SourcePosition] = field(default_factory=dict)
    _decided_unasked: set[tuple[SourcePosition, Reason]] = field(default_factory=set)

    def begin(self) -> None:
        """Another assignment: what was in work before is none of it."""
        self._dispatches.clear()
        self._decided_unasked.clear()

    def asks(self, claim: Claim) -> None:
        self._dispatch(claim.position)

    def looked(self, claim: Claim) -> None:
        self._dispatch(claim.position).heard = True

    def reserved(self, claim: Claim, reservation: Reservation) -> None:
        dispatch = self._dispatch(claim.position)
        self._positions[claim.user_id, claim.event_id] = claim.position
        dispatch.lease_until = reservation.lease_until if isinstance(reservation, Granted) else None
        dispatch.heard = True
        dispatch.told_sent |= isinstance(reservation, AlreadySent)
        dispatch.taken_over |= isinstance(reservation, Granted) and reservation.taken_over

    def renewed(self, claim: Claim, lease_until: datetime | None) -> None:
        self._dispatch(claim.position).lease_until = lease_until

    def releases(self, claim: Claim) -> None:
        dispatch = self._dispatch(claim.position)
        if dispatch.unclear or dispatch.taken_over:
            self._breaks(6, f"{claim.position} is released, and an attempt under it may have arrived")
        dispatch.lease_until = None

    def attempts(self, push: Push, not_after: datetime) -> None:
        position = self._positions[push.user_id, push.trace.event_id]
        dispatch, deadline = self._dispatch(position), self.facts[str(position)].deadline
        lease_until, dispatch.lease_until = dispatch.lease_until, None
        now = self.clock.now()
        if lease_until is None:
            self._breaks(3, f"an attempt for {position} without a claim that was asked for since the last")
        elif lease_until - now < LEASE_LEFT:
            self._breaks(3, f"an attempt for {position} with {lease_until - now} of its lease left")
        elif not_after > min(lease_until, deadline):
            self._breaks(4, f"an attempt for {position} may be accepted after its lease or its deadline")
        if now >= deadline:
            self.trace.breaks(f"an attempt for {position} begins after its deadline")

    def attempted(self, push: Push, attempt: Attempt) -> None:
        position = self._positions[push.user_id, push.trace.event_id]
        dispatch = self._dispatch(position)
        dispatch.unclear |= isinstance(attempt, Unclear)
        dispatch.accepted |= isinstance(attempt, Accepted)
        self.facts[str(position)].unclear |= isinstance(attempt, Unclear)

    def confirms(self, claim: Claim) -> None:
        self._dispatch(claim.position).confirming += 1
        if not self.facts[str(claim.position)].is_durable:
            self._breaks(9, f"{claim.position} is confirmed before its send is on the changelog")

    def confirmed(self, claim: Claim) -> None:
        dispatch = self._dispatch(claim.position)
        dispatch.confirming -= 1
        dispatch.confirmed += 1

    def decided(self, position: SourcePosition, reason: Reason) -> None:
        """The dispatch of this task has decided: is it right by what this one was told?

        Not asked when the decision is on Kafka: the next dispatch of the same event may have begun by then.
        """
        dispatch = self._dispatches.get(position)
        if dispatch is None or dispatch.task is not asyncio.current_task():
            return  # the Table alone has answered
        if not dispatch.may_have_sent:
            if not dispatch.heard:
                self._decided_unasked.add((position, reason))
        elif reason not in SENT:
            self._breaks(5, f"{position} is {reason}, and an attempt may have arrived")
        elif dispatch.confirming or not (dispatch.confirmed or dispatch.told_sent):
            self._breaks(9, f"{position} is {reason} before `confirm` has ended")

    def published(self, decision: Decision) -> None:
        """A decision of this worker stands on Kafka."""
        if decision.stage is not Stage.DISPATCH_PUSH or decision.reason is Reason.DEAD_LETTER:
            return
        fact = self.facts[str(decision.position)]
        if decision.reason in (*SENT, Reason.CONTROL) and not fact.is_durable:
            self._breaks(9, f"{decision.position} is {decision.reason} before its send is on the changelog")
        # What Redis never told nobody knows: a limit that docs/claims.md names.
        fact.unasked |= (decision.position, decision.reason) in self._decided_unasked

    def _breaks(self, rule: int, how: str) -> None:
        self.trace.breaks(f"docs/claims.md, rule {rule}: {how}")

    def _dispatch(self, position: SourcePosition) -> DispatchMemory:
        """Of the task that asks: another task is another dispatch of the same event."""
        task = asyncio.current_task()
        fact, found = self.facts[str(position)], self._dispatches.get(position)
        others = [each.task for each in self._dispatches.values() if each.user_id == fact.user_id]
        if not self.overlap and any(other is not task and other is not None and not other.done() for other in others):
            self.trace.breaks(f"{fact.user_id} is twice in work")
        if found is None or found.task is not task:
            found = self._dispatches[position] = DispatchMemory(task, fact.user_id)
        return found
