"""Replays the recorded candidates of one partition with two rule sets, and compares."""

from bisect import insort
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from saving_alerts.domain.coupons import Candidate
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.kafka.codecs import UnreadableError, candidate_codec
from saving_alerts.ledger.topic_reader import StoredRecord
from saving_alerts.reference_data.snapshot import Merchants, Snapshot
from saving_alerts.simulation.all_partitions import AllPartitions
from saving_alerts.simulation.budgets import ReplayedBudgets
from saving_alerts.simulation.disk_tables import Tables
from saving_alerts.simulation.identity import identity_of
from saving_alerts.simulation.recorded_decisions import Agreement, RecordedDecisions, Unknown
from saving_alerts.simulation.replay import Replay, moment_of
from saving_alerts.simulation.totals import Totals

MAX_NAMED_USERS = 10  # in the report, for each of gaining and losing

Shared = tuple[AllPartitions, AllPartitions]  # before and after


@dataclass(slots=True)
class Users:
    """How many users get more pushes with the new rules, and how many fewer; of each some by name, the first ones."""

    gain: int = 0
    lose: int = 0
    gaining: list[str] = field(default_factory=list)
    losing: list[str] = field(default_factory=list)

    def compare(self, user: str, before: int, after: int) -> None:
        """The pushes of one user."""
        if after > before:
            self.gain += 1
            _name(self.gaining, user)
        elif after < before:
            self.lose += 1
            _name(self.losing, user)


def _name(names: list[str], user: str) -> None:
    insort(names, user)
    del names[MAX_NAMED_USERS:]


@dataclass(slots=True)
class Simulation:
    """The result. `repeated`: candidates that were written twice. `unreadable`: candidates that cannot be decoded.

    `recorded_versions` counts the events by the rules with which they were decided when live. `newly_heard`: the event
    types that only the new rules listen to, so that there are no candidates of them.
    """

    before: Totals
    after: Totals
    agreements: list[Agreement]
    since: datetime
    candidates: int = 0
    repeated: int = 0
    unreadable: int = 0
    users: Users = field(default_factory=Users)
    unknown: Unknown = field(default_factory=Unknown)
    recorded_versions: Counter[str] = field(default_factory=Counter)
    newly_heard: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """The rules to compare, and since when recorded events are replayed with both."""

    before: RuleSet
    after: RuleSet
    merchants: Merchants
    since: datetime
    link_schemes: frozenset[str] = frozenset()

    @property
    def snapshots(self) -> tuple[Snapshot, Snapshot]:
        """The rules of before and after, each with the merchants."""
        before, after = (Snapshot(rules, self.merchants, self.link_schemes) for rules in (self.before, self.after))
        return before, after

    @property
    def has_budgets(self) -> bool:
        return bool(self.before.budgets or self.after.budgets)

    def shared(self) -> Shared:
        """What all partitions have in common: nothing is taken of budgets yet, and nothing gathered."""
        before, after = (AllPartitions(ReplayedBudgets(snapshot, self.since)) for snapshot in self.snapshots)
        return before, after

    @property
    def warm_up(self) -> timedelta:
        """How long before `since` a push still counts for a cap."""
        return timedelta(hours=max(cap.hours for rules in (self.before, self.after) for cap in rules.caps))


class PartitionReplay:
    """Replays the candidates of one partition, in the order written. One that was written twice counts once.

    `shared` is what it has in common with the other partitions; without it this is the only one.
    """

    def __init__(
        self,
        question: Question,
        simulation: Simulation,
        recorded: RecordedDecisions,
        tables: Tables,
        shared: Shared | None = None,
    ) -> None:
        self._question = question
        self._simulation = simulation
        self._recorded = recorded
        self._replayed = tables("replayed")
        before, after = question.snapshots
        in_common = shared or question.shared()
        self._before = Replay(before, simulation.before, recorded.sends, tables, "before", in_common[0])
        self._after = Replay(after, simulation.after, recorded.sends, tables, "after", in_common[1])

    def take(self, stored: StoredRecord) -> None:
        try:
            candidate = candidate_codec.decode(stored.value, stored.headers)
        except UnreadableError:
            self._simulation.unreadable += 1
            return
        if moment_of(candidate) < self._question.since:
            return
        identity = identity_of(candidate.validated.position, candidate.validated.event.event_id)
        if identity in self._replayed:
            self._simulation.repeated += 1
            return
        self._replayed[identity] = b""
        self._replay(candidate)

    def finish(self) -> None:
        self._before.finish()
        self._after.finish()
        for user in self._after.users:
            self._simulation.users.compare(user, self._before.pushes(user), self._after.pushes(user))
        for user in self._before.users:
            if not self._after.pushes(user):
                self._simulation.users.compare(user, self._before.pushes(user), 0)
        self._simulation.recorded_versions += self._recorded.versions

    def _replay(self, candidate: Candidate) -> None:
        validated, merchants = candidate.validated, self._question.merchants.version
        self._simulation.candidates += 1
        results = (self._before.take(candidate), self._after.take(candidate))
        evaluated = self._recorded.evaluated(validated.position, validated.event.event_id)
        for agreement, result in zip(self._simulation.agreements, results, strict=False):
            agreement.compare(validated.position, evaluated, result, merchants)
