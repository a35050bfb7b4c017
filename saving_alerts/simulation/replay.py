"""Applies one rule set and its caps to recorded candidates, in the order in which they were made. Pure."""

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

REMEMBERED = timedelta(hours=MAX_CAP_HOURS)  # no cap looks back further


@dataclass(frozen=True, slots=True)
class Replayed:
    """How one candidate ends with these rules.

    `refused` (the reason that no rule matched) or `rule_id` and `coupon_id` are the result of the evaluation alone,
    whatever `reason` is.
    """

    reason: Reason
    refused: Reason | None = None
    rule_id: str | None = None
    coupon_id: str | None = None


@dataclass(slots=True)
class Totals:
    """The results of one rule set over all candidates. `rules` and `hours` count pushes, `caps` the capped ones.

    `clauses` counts refusals by rule and clause. `hours` are UTC, like 2026-11-23 18.
    """

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
        """How many pushes there would be without caps."""
        return self.pushes + self.reasons[Reason.CAPPED]


class Replay:
    """Replays one partition, which has all candidates of its users.

    `sends`: by user, those before the first candidate. `totals` is shared by all partitions; `pushes` counts by user.
    """

    def __init__(self, snapshot: Snapshot, totals: Totals, sends: Mapping[str, Iterable[CountedSend]]) -> None:
        self._snapshot = snapshot
        self._totals = totals
        self._sends = defaultdict(list, {user: list(each) for user, each in sends.items()})
        self._pushed_events: set[tuple[str, str]] = set()
        self.pushes: Counter[str] = Counter()

    def take(self, candidate: Candidate) -> Replayed:
        """Replay the next candidate, in the order of the partition."""
        replayed = self._replayed(candidate)
        self._totals.reasons[replayed.reason] += 1
        return replayed

    def _replayed(self, candidate: Candidate) -> Replayed:
        at = moment_of(candidate)
        result = evaluate(self._snapshot.rules, context_of(candidate, self._snapshot, at), candidate.coupons)
        early = self._ended_early(candidate, at)
        if isinstance(result, NoMatch):
            if early is None:
                self._totals.clauses.update((each.rule_id, str(each.clause)) for each in result.refusals)
            return Replayed(early or result.reason, refused=result.reason)
        reason = early or self._sent(result, candidate, at)
        return Replayed(reason, rule_id=result.rule.id, coupon_id=result.coupon.coupon_id)

    def _ended_early(self, candidate: Candidate, at: datetime) -> Reason | None:
        """The reason with which these rules would have ended the event before it became a candidate."""
        event, rules = candidate.validated.event, self._snapshot.rules
        if event.type not in rules.triggers:
            return Reason.NOT_A_TRIGGER
        deadline = deadline_of(event, rules.freshness[event.type], candidate.validated.read_at)
        return Reason.EXPIRED if at >= deadline else None

    def _sent(self, match: Match, candidate: Candidate, at: datetime) -> Reason:
        reason = self._capped(candidate, at)
        if reason is Reason.PUSHED:
            self._totals.rules[match.rule.id] += 1
            self._totals.hours[f"{in_utc(at):%Y-%m-%d %H}"] += 1
        return reason

    def _capped(self, candidate: Candidate, at: datetime) -> Reason:
        """DUPLICATE, CAPPED, or PUSHED: then the send counts from now on."""
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
    """The moment as of which the rules are applied. For a candidate of an older release: when its event was read."""
    return candidate.looked_at or candidate.validated.read_at
