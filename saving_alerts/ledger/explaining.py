"""Why a user got a push or none: the decisions about them, put together by source position."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from saving_alerts.codecs import encode
from saving_alerts.domain.decisions import Decision, answer
from saving_alerts.domain.positions import SourcePosition
from saving_alerts.kafka_client import KafkaConnection, partition_of
from saving_alerts.ledger.offset_lookup import offset_lookup, partitions_of
from saving_alerts.ledger.reading import Span, StoredRecord, decoded, read
from saving_alerts.topics import Topics

# An echo comes after its answer: read from a little earlier, so that no event is told by its echo alone.
EARLIER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose decisions are looked for: a user's, an event's, or both. At least one is given."""

    user_id: str | None
    event_id: str | None

    def may_be(self, record: StoredRecord) -> bool:
        """A cheap look at the raw record, because most of them are somebody else's."""
        if self.user_id is not None and record.key != self.user_id.encode():
            return False
        return self.event_id is None or encode(self.event_id) in (record.value or b"")

    def matches(self, decision: Decision) -> bool:
        return self.user_id in {None, decision.user_id} and self.event_id in {None, decision.event_id}


class Explanation(msgspec.Struct, frozen=True):
    """One event: its answer, and the other decisions about its position, in the order written."""

    position: SourcePosition
    answer: Decision
    echoes: tuple[Decision, ...]

    @property
    def happened_at(self) -> datetime:
        return self.answer.occurred_at or self.answer.decided_at

    @property
    def last_decided_at(self) -> datetime:
        return max(decision.decided_at for decision in (self.answer, *self.echoes))


async def explain(
    connection: KafkaConnection, topics: Topics, wanted: Wanted, since: datetime
) -> tuple[Explanation, ...]:
    """What was decided since then, oldest event first. Raises KafkaFailedError.

    A user's decisions all stand in one partition, because they are keyed by the user; an event's may be in any.
    """
    topic = topics.decisions.name
    found: list[Decision] = []
    async for batch in read(connection, topic, await _spans(connection, topic, wanted, since - EARLIER)):
        entries = (decoded(record) for record in batch if wanted.may_be(record))
        found += [entry for entry in entries if isinstance(entry, Decision) and wanted.matches(entry)]
    return tuple(each for each in explanations(found) if each.last_decided_at >= since)


async def _spans(connection: KafkaConnection, topic: str, wanted: Wanted, since: datetime) -> dict[int, Span]:
    partitions = await partitions_of(connection, topic)
    searched = [partition_of(wanted.user_id.encode(), len(partitions))] if wanted.user_id else partitions
    async with offset_lookup(connection) as lookup:
        starts = await lookup.at(topic, searched, since)
        ends = await lookup.ends(topic, searched)
    return {number: Span(starts[number], ends[number]) for number in searched}


def explanations(decisions: Iterable[Decision]) -> tuple[Explanation, ...]:
    """Decisions in the order written, by the events they are about, oldest event first."""
    by_position: dict[SourcePosition, list[Decision]] = {}
    for decision in decisions:
        by_position.setdefault(decision.position, []).append(decision)
    explained = [_explanation(position, written) for position, written in by_position.items()]
    return tuple(sorted(explained, key=lambda each: each.happened_at))


def _explanation(position: SourcePosition, written: list[Decision]) -> Explanation:
    counts = answer(written)
    return Explanation(position, counts, tuple(decision for decision in written if decision is not counts))
