"""Applies one rule set and its caps to recorded candidates, in the order in which they were made. Pure."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import msgspec

from saving_alerts.domain.caps import CountedSend, blocking_cap
from saving_alerts.domain.coupons import Candidate
from saving_alerts.domain.deadlines import deadline_of
from saving_alerts.domain.moments import in_utc
from saving_alerts.domain.push_sends import REMEMBERED
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules.control import arm_of
from saving_alerts.domain.rules.evaluation import Match, NoMatch, evaluate
from saving_alerts.domain.rules.variants import text_for
from saving_alerts.pipeline.steps import context_of
from saving_alerts.reference_data.snapshot import Snapshot
from saving_alerts.simulation.all_partitions import AllPartitions, DueGatherings
from saving_alerts.simulation.disk_tables import Tables
from saving_alerts.simulation.slots import ReplayedSlots
from saving_alerts.simulation.totals import Totals


@dataclass(frozen=True, slots=True)
class Replayed:
    """How one candidate ends with these rules: `reason` is None while it is gathered.

    `refused` (the reason that no rule matched) or `rule_id`, `coupon_id`, `variant` (which of several texts) and
    `control` (its user is kept back) are the result of the evaluation alone, whatever `reason` is.
    """

    reason: Reason | None
    refused: Reason | None = None
    rule_id: str | None = None
    coupon_id: str | None = None
    variant: str | None = None
    control: bool = False


class _UserState(msgspec.Struct, array_like=True):
    """`sends` are those that may still count for a cap. `pushes` are the replayed ones."""

    sends: list[CountedSend]
    pushes: int = 0


_states = msgspec.msgpack.Decoder(_UserState)
SendsOf = Callable[[str], Iterable[CountedSend]]


class Replay:
    """Replays one partition, which has all candidates of its users.

    `sends` gives those of a user before the first candidate. `totals` is shared by all partitions. What is remembered
    is in tables whose names begin with `name`. `shared` is what all partitions have in common; without it this is the
    only one, and nobody has a budget.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        totals: Totals,
        sends: SendsOf,
        tables: Tables,
        name: str = "",
        shared: AllPartitions | None = None,
    ) -> None:
        self._snapshot = snapshot
        self._totals = totals
        self._sends = sends
        self._users = tables(f"{name} users")
        self._pushed_events = tables(f"{name} pushed events")
        self._slots = ReplayedSlots(snapshot, tables, name)
        self._budgets = shared.budgets if shared else None
        self._gatherings = shared.gatherings if shared else DueGatherings()

    @property
    def users(self) -> Iterator[str]:
        """Those with a push, or one that was kept back."""
        return (user.decode() for user in self._users)

    def pushes(self, user_id: str) -> int:
        return self._state(user_id).pushes

    def take(self, candidate: Candidate) -> Replayed:
        """Replay the next candidate, in the order of the partition."""
        at = moment_of(candidate)
        self._gatherings.end(at)
        if self._snapshot.rules.is_departure(candidate.validated.event.type) and self._slots.depart(candidate, at):
            self._end_gathering(candidate.validated.event.user_id, at)
        replayed = self._replayed(candidate)
        if replayed.reason is not None:
            self._totals.reasons[replayed.reason] += 1
        return replayed

    def finish(self) -> None:
        """After the last candidate: what is still gathered ends, in all partitions that have this in common."""
        self._gatherings.end(None)

    def _end_gathering(self, user_id: str, ends_at: datetime) -> None:
        """The best is pushed, if it can be; if not, the next one."""
        is_taken = False
        for each in self._slots.ended(user_id, ends_at):
            otherwise = Reason.LEFT if each.has_left else None
            reason = Reason.OUTBID if is_taken else self._sent(each.match, each.candidate, ends_at, otherwise)
            is_taken = is_taken or reason in (Reason.PUSHED, Reason.CONTROL)
            self._totals.reasons[reason] += 1

    def _replayed(self, candidate: Candidate) -> Replayed:
        at = moment_of(candidate)
        result = evaluate(self._snapshot.rules, context_of(candidate, self._snapshot, at), candidate.coupons)
        early = self._ended_early(candidate, at)
        if early is None:
            self._totals.evaluated.count(result)
        if isinstance(result, NoMatch):
            if early is None:
                self._totals.clauses.update((each.rule_id, str(each.clause)) for each in result.refusals)
            return Replayed(early or result.reason, refused=result.reason)
        user_id = candidate.validated.event.user_id
        variant, _ = text_for(result.rule.message, user_id)
        self._totals.wins[result.rule.id] += early is None
        reason: Reason | None = early
        if early is None and self._snapshot.rules.choose_within:
            ends_at = self._slots.add(candidate, result, at)
            self._gatherings.add(ends_at, partial(self._end_gathering, user_id, ends_at))
        elif early is None:
            reason = self._sent(result, candidate, at)
        control = self._is_control(result, candidate)
        return Replayed(reason, None, result.rule.id, result.coupon.coupon_id, variant, control)

    def _ended_early(self, candidate: Candidate, at: datetime) -> Reason | None:
        """The reason with which these rules would have ended the event before it became a candidate."""
        event, rules = candidate.validated.event, self._snapshot.rules
        if event.type not in rules.triggers:
            return Reason.NOT_A_TRIGGER
        deadline = deadline_of(event, rules.freshness[event.type], candidate.validated.read_at)
        return Reason.EXPIRED if at >= deadline else None

    def _is_control(self, match: Match, candidate: Candidate) -> bool:
        arm = arm_of(candidate.validated.event.user_id, self._snapshot.rules.control, match.rule.control)
        return arm is not None and arm.is_control

    def _sent(self, match: Match, candidate: Candidate, at: datetime, otherwise: Reason | None = None) -> Reason:
        """`otherwise`: what it ends as where nothing stands against a push, and it is none all the same."""
        if otherwise is None:
            otherwise = Reason.CONTROL if self._is_control(match, candidate) else Reason.PUSHED
        reason = self._capped(candidate, match.rule.id, at, otherwise)
        if reason is Reason.CONTROL:
            self._totals.controls[match.rule.id] += 1
        if reason is Reason.PUSHED:
            variant, _ = text_for(match.rule.message, candidate.validated.event.user_id)
            if variant is not None:
                self._totals.variants[match.rule.id, variant] += 1
            self._totals.rules[match.rule.id] += 1
            self._totals.hours[f"{in_utc(at):%Y-%m-%d %H}"] += 1
        return reason

    def _capped(self, candidate: Candidate, rule_id: str, at: datetime, otherwise: Reason) -> Reason:
        """DUPLICATE, CAPPED, BUDGET_SPENT, or `otherwise`: it counts from now on, as a push or in place of one.

        What the user has left counts for nothing.
        """
        event = candidate.validated.event
        pushed = msgspec.msgpack.encode((event.user_id, event.event_id))
        if pushed in self._pushed_events:
            return Reason.DUPLICATE
        state = self._state(event.user_id)
        state.sends = [send for send in state.sends if at - send.sent_at < REMEMBERED]
        blocked = blocking_cap(self._snapshot.rules.caps, state.sends, event.merchant_id or "", at)
        if blocked is not None:
            self._totals.caps[str(blocked.cap)] += 1
            return Reason.CAPPED
        if not self._has_budget(rule_id, event.merchant_id or "", at, otherwise):
            return Reason.BUDGET_SPENT
        if otherwise is Reason.LEFT:
            return otherwise
        self._pushed_events[pushed] = b""
        state.sends.append(CountedSend(event.merchant_id or "", at))
        self._charge(state, event.user_id, pushes=int(otherwise is Reason.PUSHED))
        return otherwise

    def _has_budget(self, rule_id: str, merchant_id: str, at: datetime, otherwise: Reason) -> bool:
        """Whether there is a part for it. A push takes it; what is kept back as control takes none."""
        budgets = self._budgets
        if budgets is None:
            return True
        spent = budgets.spent(rule_id, merchant_id, at)
        if spent is not None:
            self._totals.budgets[spent] += 1
        elif otherwise is Reason.PUSHED:
            budgets.take(rule_id, merchant_id, at)
        return spent is None

    def _charge(self, state: _UserState, user_id: str, *, pushes: int) -> None:
        self._totals.users += pushes if not state.pushes else 0
        state.pushes += pushes
        self._users[user_id.encode()] = msgspec.msgpack.encode(state)

    def _state(self, user_id: str) -> _UserState:
        found = self._users.get(user_id.encode())
        return _UserState([*self._sends(user_id)]) if found is None else _states.decode(found)


def moment_of(candidate: Candidate) -> datetime:
    """The moment as of which the rules are applied. For a candidate of an older release: when its event was read."""
    return candidate.looked_at or candidate.validated.read_at
