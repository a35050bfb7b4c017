"""Replays the recorded candidates through two rule sets, partition by partition, so that memory stays bounded.

A user's candidates and decisions stand in the partition of the same number, because both are keyed by the user.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from saving_alerts.domain.coupons import Candidate
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.codecs import UnreadableError, candidate_codec
from saving_alerts.kafka.connection import KafkaConnection
from saving_alerts.kafka.topics import Topics
from saving_alerts.ledger.offset_lookup import offset_lookup, partitions_of
from saving_alerts.ledger.topic_reader import Span, StoredRecord, decoded, read
from saving_alerts.reference_data.snapshot import Merchants, Snapshot
from saving_alerts.simulation.recorded_decisions import Agreement, Record, Unknown, versions_of
from saving_alerts.simulation.replay import Replay, Totals, moment_of

MAX_NAMED_USERS = 10


@dataclass(slots=True)
class Users:
    """Those who get another number of pushes; a few of them by name."""

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
    """The outcome. `recorded_versions`: with which rules the events were decided then."""

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
    """Which rules against which, on what is on record since when."""

    before: RuleSet
    after: RuleSet
    merchants: Merchants
    since: datetime

    @property
    def warm_up(self) -> timedelta:
        """How long before `since` a push still fills a cap."""
        return timedelta(hours=max(cap.hours for rules in (self.before, self.after) for cap in rules.caps))


Begin = Callable[[str, int], Callable[[int], None]]


async def simulate(connection: KafkaConnection, topics: Topics, question: Question, begin: Begin) -> Simulation:
    """Raises KafkaFailedError. `begin` is told what is read and how much, and answers where to report progress."""
    candidates, decisions = topics.candidates.name, topics.decisions.name
    spans = await _spans(connection, candidates, question.since)
    told = await _spans(connection, decisions, question.since - question.warm_up)
    progress = (_started(begin, decisions, told), _started(begin, candidates, spans))
    simulation = _empty(question)
    for number, span in spans.items():
        record = Record(question.since, simulation.unknown)
        async for batch in read(connection, decisions, {number: told[number]}, progress[0]):
            for entry in map(decoded, batch):
                if entry is not None:
                    record.take(entry)
        work = _Partition(question, simulation, record)
        async for batch in read(connection, candidates, {number: span}, progress[1]):
            for stored in batch:
                work.take(stored)
        work.finish()
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
    """The candidates of one partition, in the order written; one that was written twice counts once."""

    def __init__(self, question: Question, simulation: Simulation, record: Record) -> None:
        self._question = question
        self._simulation = simulation
        self._record = record
        self._seen: set[SourcePosition] = set()
        self._before = Replay(Snapshot(question.before, question.merchants), simulation.before, record.sends)
        self._after = Replay(Snapshot(question.after, question.merchants), simulation.after, record.sends)

    def take(self, stored: StoredRecord) -> None:
        try:
            candidate = candidate_codec.decode(stored.value, stored.headers)
        except UnreadableError:
            self._simulation.unreadable += 1
            return
        if moment_of(candidate) < self._question.since:
            return
        if candidate.validated.position in self._seen:
            self._simulation.repeated += 1
            return
        self._replay(candidate)

    def finish(self) -> None:
        self._simulation.users.compare(self._before.pushes, self._after.pushes)
        self._simulation.before.users += len(self._before.pushes)
        self._simulation.after.users += len(self._after.pushes)
        self._simulation.recorded_versions += versions_of(self._record.evaluated)

    def _replay(self, candidate: Candidate) -> None:
        position = candidate.validated.position
        self._seen.add(position)
        self._simulation.candidates += 1
        replayed = (self._before.take(candidate), self._after.take(candidate))
        evaluated, merchants = self._record.evaluated.get(position), self._question.merchants.version
        for agreement, outcome in zip(self._simulation.agreements, replayed, strict=False):
            agreement.look(position, evaluated, outcome, merchants)
