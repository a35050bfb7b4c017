"""Replays the recorded candidates with two rule sets. It goes partition by partition, which bounds the memory.

A user's candidates and decisions are in partitions of the same number, because both are keyed by the user.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from saving_alerts.domain.coupons import Candidate
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.kafka.codecs import UnreadableError, candidate_codec
from saving_alerts.kafka.connection import KafkaConnection
from saving_alerts.kafka.topics import Topics
from saving_alerts.ledger.offset_lookup import offset_lookup, partitions_of
from saving_alerts.ledger.topic_reader import Span, StoredRecord, decoded, read
from saving_alerts.reference_data.snapshot import Merchants, Snapshot
from saving_alerts.simulation.recorded_decisions import (
    Agreement,
    Identity,
    RecordedDecisions,
    Unknown,
    versions_of,
)
from saving_alerts.simulation.replay import Replay, Totals, moment_of

MAX_NAMED_USERS = 10  # in the report, for each of gaining and losing


@dataclass(slots=True)
class Users:
    """How many users get more pushes with the new rules, and how many fewer; the first ones of each by name."""

    gain: int = 0
    lose: int = 0
    gaining: list[str] = field(default_factory=list)
    losing: list[str] = field(default_factory=list)

    def compare(self, before: Counter[str], after: Counter[str]) -> None:
        for user in before.keys() | after.keys():
            if after[user] > before[user]:
                self.gain += 1
                _name(self.gaining, user)
            elif after[user] < before[user]:
                self.lose += 1
                _name(self.losing, user)


def _name(names: list[str], user: str) -> None:
    if len(names) < MAX_NAMED_USERS:
        names.append(user)


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
    def warm_up(self) -> timedelta:
        """How long before `since` a push still counts for a cap."""
        return timedelta(hours=max(cap.hours for rules in (self.before, self.after) for cap in rules.caps))


Begin = Callable[[str, int], Callable[[int], None]]


async def simulate(connection: KafkaConnection, topics: Topics, question: Question, begin: Begin) -> Simulation:
    """Replay all candidates since `question.since`. Raises KafkaFailedError.

    `begin` is called with each topic and the number of offsets to read; its result with how many more were read.
    """
    candidates, decisions = topics.candidates.name, topics.decisions.name
    spans = await _spans(connection, candidates, question.since)
    decision_spans = await _spans(connection, decisions, question.since - question.warm_up)
    progress = (_started(begin, decisions, decision_spans), _started(begin, candidates, spans))
    simulation = _empty(question)
    for number, span in spans.items():
        recorded = RecordedDecisions(question.since, simulation.unknown)
        async for batch in read(connection, decisions, {number: decision_spans[number]}, progress[0]):
            for entry in map(decoded, batch):
                if entry is not None:
                    recorded.take(entry)
        partition = _Partition(question, simulation, recorded)
        async for batch in read(connection, candidates, {number: span}, progress[1]):
            for stored in batch:
                partition.take(stored)
        partition.finish()
    return simulation


async def _spans(connection: KafkaConnection, topic: str, since: datetime) -> dict[int, Span]:
    partitions = await partitions_of(connection, topic)
    async with offset_lookup(connection) as lookup:
        starts = await lookup.at(topic, partitions, since)
        ends = await lookup.ends(topic, partitions)
    return {number: Span(starts[number], ends[number]) for number in partitions}


def _started(begin: Begin, topic: str, spans: dict[int, Span]) -> Callable[[int], None]:
    return begin(topic, sum(span.length for span in spans.values()))


def _empty(question: Question) -> Simulation:
    versions = dict.fromkeys((question.before.version, question.after.version))
    return Simulation(
        before=Totals(),
        after=Totals(),
        agreements=[Agreement(version) for version in versions],
        since=question.since,
        newly_heard=tuple(sorted(question.after.triggers - question.before.triggers)),
    )


class _Partition:
    """Replays the candidates of one partition, in the order written. One that was written twice counts once."""

    def __init__(self, question: Question, simulation: Simulation, recorded: RecordedDecisions) -> None:
        self._question = question
        self._simulation = simulation
        self._recorded = recorded
        self._replayed: set[Identity] = set()
        self._before = Replay(
            Snapshot(question.before, question.merchants, question.link_schemes), simulation.before, recorded.sends
        )
        self._after = Replay(
            Snapshot(question.after, question.merchants, question.link_schemes), simulation.after, recorded.sends
        )

    def take(self, stored: StoredRecord) -> None:
        try:
            candidate = candidate_codec.decode(stored.value, stored.headers)
        except UnreadableError:
            self._simulation.unreadable += 1
            return
        if moment_of(candidate) < self._question.since:
            return
        if _identity_of(candidate) in self._replayed:
            self._simulation.repeated += 1
            return
        self._replay(candidate)

    def finish(self) -> None:
        self._simulation.users.compare(self._before.pushes, self._after.pushes)
        self._simulation.before.users += len(self._before.pushes)
        self._simulation.after.users += len(self._after.pushes)
        self._simulation.recorded_versions += versions_of(self._recorded.evaluated)

    def _replay(self, candidate: Candidate) -> None:
        identity = _identity_of(candidate)
        self._replayed.add(identity)
        self._simulation.candidates += 1
        results = (self._before.take(candidate), self._after.take(candidate))
        evaluated, merchants = self._recorded.evaluated.get(identity), self._question.merchants.version
        for agreement, result in zip(self._simulation.agreements, results, strict=False):
            agreement.compare(candidate.validated.position, evaluated, result, merchants)


def _identity_of(candidate: Candidate) -> Identity:
    return candidate.validated.position, candidate.validated.event.event_id
