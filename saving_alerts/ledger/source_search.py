"""A user's events, found on the source itself: complete, but slow, because it reads the whole source since a moment.

It finds the events that no rule listens to: receipts cover them, which name offsets only, no user.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime

import msgspec

from saving_alerts.domain.decisions import Decision, Receipt, Stage, Subject, Versions, decision_id
from saving_alerts.domain.events import Problem, read_event, subject_of_event
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.client import partition_of
from saving_alerts.kafka.connection import KafkaConnection
from saving_alerts.kafka.topics import Topics, place_of_source
from saving_alerts.ledger.explaining import (
    ECHO_MARGIN,
    Explanation,
    Wanted,
    decisions_about,
    explanations,
    within,
)
from saving_alerts.ledger.offset_lookup import partitions_of, spans_since
from saving_alerts.ledger.topic_reader import Progress, StoredRecord, decoded, read


class SourceEvent(msgspec.Struct, frozen=True):
    """An event on the source, with its time on Kafka. Of an invalid one the subject has the ids only."""

    position: SourcePosition
    subject: Subject
    written_ms: int


class Everything(msgspec.Struct, frozen=True):
    """The events with a decision or a receipt, and those without one yet; each oldest first."""

    explanations: tuple[Explanation, ...]
    undecided: tuple[SourceEvent, ...]


async def explain_everything(
    connection: KafkaConnection, topics: Topics, wanted: Wanted, since: datetime, progress: Progress
) -> Everything:
    """As `explain`, with the events that triggered no rule. It reads the source since then. Raises KafkaFailedError."""
    search = _Search(connection, topics, since, progress)
    found = await search.events(wanted)
    # The decisions are read after the source, so that an event that is decided meanwhile is not called undecided.
    decisions = await decisions_about(connection, topics, wanted, since)
    decided = {(decision.position, decision.event_id) for decision in decisions}
    unnamed = await search.unnamed(
        [event for event in found if (event.position, event.subject.event_id) not in decided]
    )
    explained = explanations([*decisions, *unnamed.decisions])
    return Everything(
        tuple(sorted([*within(explained, since), *unnamed.receipted()], key=lambda each: each.happened_at)),
        tuple(sorted(unnamed.undecided(), key=lambda event: event.subject.occurred_at or since)),
    )


class _Unnamed:
    """Events that no decision names by user or event, and what the ledger has about their positions."""

    def __init__(self, events: Collection[SourceEvent]) -> None:
        self._events = {event.position: event for event in events}
        self._receipts: dict[SourcePosition, Receipt] = {}
        self.decisions: list[Decision] = []

    def partitions_among(self, count: int) -> list[int]:
        """Where their answers can be. A receipt is in the partition with the number of its events' partition.

        A decision without a user is keyed by its position.
        """
        receipts = {place_of_source(position.partition, count) for position in self._events}
        return sorted(receipts | {partition_of(str(position).encode(), count) for position in self._events})

    def note(self, entry: Decision | Receipt | None) -> None:
        if isinstance(entry, Receipt):
            self._receipts |= {position: entry for position, event in self._events.items() if _covers(entry, event)}
        elif entry is not None and (event := self._events.get(entry.position)) and _is_about(entry, event):
            self.decisions.append(entry)

    def receipted(self) -> list[Explanation]:
        events = self._without_decision
        return [_by_receipt(event, self._receipts[event.position]) for event in events if self._has_receipt(event)]

    def undecided(self) -> list[SourceEvent]:
        return [event for event in self._without_decision if not self._has_receipt(event)]

    @property
    def _without_decision(self) -> list[SourceEvent]:
        decided = {decision.position for decision in self.decisions}
        return [event for position, event in self._events.items() if position not in decided]

    def _has_receipt(self, event: SourceEvent) -> bool:
        return event.position in self._receipts


class _Search:
    def __init__(self, connection: KafkaConnection, topics: Topics, since: datetime, progress: Progress) -> None:
        self._connection = connection
        self._topics = topics
        self._since = since
        self._progress = progress

    async def events(self, wanted: Wanted) -> list[SourceEvent]:
        """The wanted events on the source, in order within each partition."""
        topic = self._topics.source.name
        found: list[SourceEvent] = []
        async for batch in self._read(topic, await partitions_of(self._connection, topic), self._since):
            found += [event for record in batch if wanted.is_about((event := _event(topic, record)).subject)]
        return found

    async def unnamed(self, events: Collection[SourceEvent]) -> _Unnamed:
        """Search the ledger for the positions of these events."""
        found = _Unnamed(events)
        topic = self._topics.decisions.name
        if numbers := found.partitions_among(len(await partitions_of(self._connection, topic))):
            async for batch in self._read(topic, numbers, self._since - ECHO_MARGIN):
                for record in batch:
                    found.note(decoded(record))
        return found

    async def _read(self, topic: str, numbers: Sequence[int], since: datetime) -> AsyncIterator[list[StoredRecord]]:
        spans = await spans_since(self._connection, topic, numbers, since)
        advance = self._progress.begin(topic, sum(span.length for span in spans.values()))
        async for batch in read(self._connection, topic, spans, advance):
            yield batch


def _event(topic: str, record: StoredRecord) -> SourceEvent:
    position = SourcePosition(topic, record.partition, record.offset)
    event = read_event(record.value)
    if isinstance(event, Problem):
        return SourceEvent(position, Subject(event_id=event.event_id, user_id=event.user_id), record.timestamp)
    return SourceEvent(position, subject_of_event(event), record.timestamp)


def _covers(receipt: Receipt, event: SourceEvent) -> bool:
    """Not where its records were written at another time: then they stood on a former topic of this name."""
    position = event.position
    if (receipt.topic, receipt.partition) != (position.topic, position.partition):
        return False
    earliest, latest = receipt.written_ms or (event.written_ms, event.written_ms)
    return earliest <= event.written_ms <= latest and any(
        first <= position.offset <= last for first, last in receipt.ranges
    )


def _is_about(decision: Decision, event: SourceEvent) -> bool:
    return decision.event_id is None or decision.event_id == event.subject.event_id


def _by_receipt(event: SourceEvent, receipt: Receipt) -> Explanation:
    """The decision that the receipt stands for."""
    decision = Decision(
        decision_id=decision_id(event.position, receipt.reason),
        position=event.position,
        stage=Stage.VALIDATE,
        reason=receipt.reason,
        decided_at=receipt.decided_at,
        worker=receipt.worker,
        occurred_at=event.subject.occurred_at,
        event_id=event.subject.event_id,
        user_id=event.subject.user_id,
        merchant_id=event.subject.merchant_id,
        event_type=event.subject.event_type,
        details={"receipt": True},
        versions=Versions(rules=receipt.rules_version),
    )
    return Explanation(event.position, decision, ())
