"""A user's events on the source itself, and what became of those that no decision names: slow, and complete.

Events that no rule listens to are covered by receipts, which know offsets only.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime

import msgspec

from saving_alerts.domain.decisions import Decision, Receipt, Stage, Subject, Versions, decision_id
from saving_alerts.domain.events import Problem, read_event, subject_of_event
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.client import partition_of
from saving_alerts.kafka.connection import KafkaConnection
from saving_alerts.kafka.topics import Topics
from saving_alerts.ledger.explaining import EARLIER, Explanation, Wanted, decisions_about, explanations, within
from saving_alerts.ledger.offset_lookup import partitions_of, spans_since
from saving_alerts.ledger.topic_reader import Progress, StoredRecord, decoded, read


class SourceEvent(msgspec.Struct, frozen=True):
    """An event as it stands on the source. Invalid ones have no more than their ids."""

    position: SourcePosition
    subject: Subject


class Everything(msgspec.Struct, frozen=True):
    """Oldest first: the events that have their answer, and those that have none yet."""

    explanations: tuple[Explanation, ...]
    undecided: tuple[SourceEvent, ...]


async def explain_everything(
    connection: KafkaConnection, topics: Topics, wanted: Wanted, since: datetime, progress: Progress
) -> Everything:
    """As `explain`, with the events that triggered no rule. Reads all that is on the source since then."""
    search = _Search(connection, topics, since, progress)
    found = await search.events(wanted)
    # Read after the source: what is decided meanwhile is not called undecided.
    decisions = await decisions_about(connection, topics, wanted, since)
    decided = {decision.position for decision in decisions}
    unsigned = await search.unsigned([event for event in found if event.position not in decided])
    explained = explanations([*decisions, *unsigned.decisions])
    return Everything(
        tuple(sorted([*within(explained, since), *unsigned.receipted()], key=lambda each: each.happened_at)),
        tuple(sorted(unsigned.undecided(), key=lambda event: event.subject.occurred_at or since)),
    )


class _Unsigned:
    """Events that no decision names by user or event, and what is found out about them by their positions."""

    def __init__(self, events: Collection[SourceEvent]) -> None:
        self._events = {event.position: event for event in events}
        self._receipts: dict[SourcePosition, Receipt] = {}
        self.decisions: list[Decision] = []

    def partitions_among(self, count: int) -> list[int]:
        """A receipt stands in the partition of its events, by number; a decision of nobody is keyed by position."""
        receipts = {position.partition for position in self._events}
        return sorted(receipts | {partition_of(str(position).encode(), count) for position in self._events})

    def note(self, entry: Decision | Receipt | None) -> None:
        if isinstance(entry, Receipt):
            self._receipts |= {position: entry for position in self._events if _covers(entry, position)}
        elif entry is not None and entry.position in self._events:
            self.decisions.append(entry)

    def receipted(self) -> list[Explanation]:
        return [_by_receipt(event, self._receipts[event.position]) for event in self._left if self._has_receipt(event)]

    def undecided(self) -> list[SourceEvent]:
        return [event for event in self._left if not self._has_receipt(event)]

    @property
    def _left(self) -> list[SourceEvent]:
        """Those without a decision."""
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
        """In the order of each partition."""
        topic = self._topics.source.name
        found: list[SourceEvent] = []
        async for batch in self._read(topic, await partitions_of(self._connection, topic), self._since):
            found += [event for record in batch if wanted.is_about((event := _event(topic, record)).subject)]
        return found

    async def unsigned(self, events: Collection[SourceEvent]) -> _Unsigned:
        """What the ledger says of these events without naming them."""
        found = _Unsigned(events)
        topic = self._topics.decisions.name
        if numbers := found.partitions_among(len(await partitions_of(self._connection, topic))):
            async for batch in self._read(topic, numbers, self._since - EARLIER):
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
        return SourceEvent(position, Subject(event_id=event.event_id, user_id=event.user_id))
    return SourceEvent(position, subject_of_event(event))


def _covers(receipt: Receipt, position: SourcePosition) -> bool:
    return receipt.partition == position.partition and any(
        first <= position.offset <= last for first, last in receipt.ranges
    )


def _by_receipt(event: SourceEvent, receipt: Receipt) -> Explanation:
    """What its decision would say, if it had one."""
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
