"""Replays the recorded candidates with two rule sets: partition by partition, what grows with the events on disk.

A user's candidates and decisions are in partitions of the same number, because both are keyed by the user.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime

from saving_alerts.kafka.connection import KafkaConnection
from saving_alerts.kafka.topics import Topics
from saving_alerts.ledger.offset_lookup import offset_lookup, partitions_of
from saving_alerts.ledger.topic_reader import Span, decoded, read
from saving_alerts.simulation.disk_tables import CACHE_BYTES, Tables, disk_tables
from saving_alerts.simulation.in_order import in_order
from saving_alerts.simulation.partition_replay import PartitionReplay, Question, Simulation
from saving_alerts.simulation.recorded_decisions import Agreement, RecordedDecisions
from saving_alerts.simulation.totals import Totals

Begin = Callable[[str, int], Callable[[int], None]]


async def simulate(connection: KafkaConnection, topics: Topics, question: Question, begin: Begin) -> Simulation:
    """Replay all candidates since `question.since`. Raises KafkaFailedError, TemporarySpaceError.

    `begin` is called with each topic and the number of offsets to read; its result with how many more were read.
    Where there are budgets the partitions are replayed together, by the time of their records.
    """
    candidates, decisions = topics.candidates.name, topics.decisions.name
    spans = await _spans(connection, candidates, question.since)
    decision_spans = await _spans(connection, decisions, question.since - question.warm_up)
    progress = (_started(begin, decisions, decision_spans), _started(begin, candidates, spans))
    replaying = _Replaying(connection, topics, question, decision_spans, _empty(question), progress)
    together = [spans] if question.has_budgets else [{number: span} for number, span in spans.items()]
    for each in together:
        await replaying.replay(each)
    return replaying.simulation


@dataclass(frozen=True, slots=True)
class _Replaying:
    """`progress`: of the decisions, and of the candidates."""

    connection: KafkaConnection
    topics: Topics
    question: Question
    decision_spans: dict[int, Span]
    simulation: Simulation
    progress: tuple[Callable[[int], None], Callable[[int], None]]

    async def replay(self, spans: dict[int, Span]) -> None:
        """These partitions, in the order in which their candidates were written."""
        shared = self.question.shared()
        with ExitStack() as stack:
            partitions: dict[int, PartitionReplay] = {}
            for number in spans:
                tables = stack.enter_context(disk_tables(CACHE_BYTES // len(spans)))
                recorded = await self._recorded(number, tables)
                partitions[number] = PartitionReplay(self.question, self.simulation, recorded, tables, shared)
            name = self.topics.candidates.name
            batches = {each: read(self.connection, name, {each: spans[each]}, self.progress[1]) for each in spans}
            async for stored in in_order(batches):
                partitions[stored.partition].take(stored)
            for partition in partitions.values():
                partition.finish()

    async def _recorded(self, number: int, tables: Tables) -> RecordedDecisions:
        recorded = RecordedDecisions(self.question.since, self.simulation.unknown, tables)
        span = {number: self.decision_spans[number]}
        async for batch in read(self.connection, self.topics.decisions.name, span, self.progress[0]):
            for entry in map(decoded, batch):
                if entry is not None:
                    recorded.take(entry)
        return recorded


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
        newly_heard=tuple(sorted(question.after.heard - question.before.heard)),
    )
