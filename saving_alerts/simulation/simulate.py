"""Replays the recorded candidates with two rule sets: partition by partition, what grows with the events on disk.

A user's candidates and decisions are in partitions of the same number, because both are keyed by the user.
"""

from collections.abc import Callable
from datetime import datetime

from saving_alerts.kafka.connection import KafkaConnection
from saving_alerts.kafka.topics import Topics
from saving_alerts.ledger.offset_lookup import offset_lookup, partitions_of
from saving_alerts.ledger.topic_reader import Span, decoded, read
from saving_alerts.simulation.disk_tables import disk_tables
from saving_alerts.simulation.partition_replay import PartitionReplay, Question, Simulation
from saving_alerts.simulation.recorded_decisions import Agreement, RecordedDecisions
from saving_alerts.simulation.replay import Totals

Begin = Callable[[str, int], Callable[[int], None]]


async def simulate(connection: KafkaConnection, topics: Topics, question: Question, begin: Begin) -> Simulation:
    """Replay all candidates since `question.since`. Raises KafkaFailedError, TemporarySpaceError.

    `begin` is called with each topic and the number of offsets to read; its result with how many more were read.
    """
    candidates, decisions = topics.candidates.name, topics.decisions.name
    spans = await _spans(connection, candidates, question.since)
    decision_spans = await _spans(connection, decisions, question.since - question.warm_up)
    progress = (_started(begin, decisions, decision_spans), _started(begin, candidates, spans))
    simulation = _empty(question)
    for number, span in spans.items():
        with disk_tables() as tables:
            recorded = RecordedDecisions(question.since, simulation.unknown, tables)
            async for batch in read(connection, decisions, {number: decision_spans[number]}, progress[0]):
                for entry in map(decoded, batch):
                    if entry is not None:
                        recorded.take(entry)
            partition = PartitionReplay(question, simulation, recorded, tables)
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
        newly_heard=tuple(sorted(question.after.heard - question.before.heard)),
    )
