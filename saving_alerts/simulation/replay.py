"""One rule set and its caps, applied to recorded candidates in the order in which they were made. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from saving_alerts.domain.caps import MAX_CAP_HOURS, CountedSend, blocking_cap
from saving_alerts.domain.coupons import Candidate
from saving_alerts.domain.events import deadline_of
from saving_alerts.domain.moments import in_utc
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules.evaluation import Match, NoMatch, evaluate
from saving_alerts.pipeline.steps import context_of
from saving_alerts.reference_data.snapshot import Snapshot

REMEMBERED = timedelta(hours=MAX_CAP_HOURS)


@dataclass(frozen=True, slots=True)
class Replayed:
    """How one candidate ends, and what evaluation says by itself: `refused`, or a winning rule with its coupon."""

    reason: Reason
    refused: Reason | None = None
    rule_id: str | None = None
    coupon_id: str | None = None


@dataclass(slots=True)
class Totals:
    """What one rule set did to all candidates. `clauses` are by rule; `hours` are UTC, like 2026-11-23 18."""

    reasons: Counter[str] = field(default_factory=Counter)
    clauses: Counter[tuple[str, str]] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    caps: Counter[str] = field(default_factory=Counter)
    hours: Counter[str] = field(default_factory=Counter)
    users: int = 0

    @property
    def pushes(self) -> int:
        return self.reasons[Reason.PUSHED]

    @property
    def wanted(self) -> int:
        """What the caps were asked about."""
        return self.pushes + self.reasons[Reason.CAPPED]


class Replay:
    """The users of one partition; `sends` are those before the first candidate. `totals` goes on over partitions."""

    def __init__(self, snapshot: Snapshot, totals: Totals, sends: Mapping[str, Iterable[CountedSend]]) -> None:
        self._snapshot = snapshot
        self._totals = totals
        self._sends = defaultdict(list, {user: list(each) for user, each in sends.items()})
        self._pushed_events: set[tuple[str, str]] = set()
        self.pushes: Counter[str] = Counter()

    def take(self, candidate: Candidate) -> Replayed:
        """The next candidate."""
        replayed = self._judged(candidate)
        self._totals.reasons[replayed.reason] += 1
        return replayed

    def _judged(self, candidate: Candidate) -> Replayed:
        at = moment_of(candidate)
        verdict = evaluate(self._snapshot.rules, context_of(candidate, self._snapshot, at), candidate.coupons)
        early = self._ended_early(candidate, at)
        if isinstance(verdict, NoMatch):
            if early is None:
                self._totals.clauses.update((each.rule_id, str(each.clause)) for each in verdict.refusals)
            return Replayed(early or verdict.reason, refused=verdict.reason)
        reason = early or self._sent(verdict, candidate, at)
        return Replayed(reason, rule_id=verdict.rule.id, coupon_id=verdict.coupon.coupon_id)

    def _ended_early(self, candidate: Candidate, at: datetime) -> Reason | None:
        """These rules would not have let the event come so far."""
        event, rules = candidate.validated.event, self._snapshot.rules
        if event.type not in rules.triggers:
            return Reason.NOT_A_TRIGGER
        deadline = deadline_of(event, rules.freshness[event.type], candidate.validated.read_at)
        return Reason.EXPIRED if at >= deadline else None

    def _sent(self, verdict: Match, candidate: Candidate, at: datetime) -> Reason:
        reason = self._capped(candidate, at)
        if reason is Reason.PUSHED:
            self._totals.rules[verdict.rule.id] += 1
            self._totals.hours[f"{in_utc(at):%Y-%m-%d %H}"] += 1
        return reason

    def _capped(self, candidate: Candidate, at: datetime) -> Reason:
        event = candidate.validated.event
        if (event.user_id, event.event_id) in self._pushed_events:
            return Reason.DUPLICATE
        sends = [send for send in self._sends[event.user_id] if at - send.sent_at < REMEMBERED]
        blocked = blocking_cap(self._snapshot.rules.caps, sends, event.merchant_id or "", at)
        if blocked is not None:
            self._totals.caps[str(blocked.cap)] += 1
            return Reason.CAPPED
        self._sends[event.user_id] = [*sends, CountedSend(event.merchant_id or "", at)]
        self._pushed_events.add((event.user_id, event.event_id))
        self.pushes[event.user_id] += 1
        return Reason.PUSHED


def moment_of(candidate: Candidate) -> datetime:
    """When it was looked at; when its event was read, for one of an older release."""
    return candidate.looked_at or candidate.validated.read_at
