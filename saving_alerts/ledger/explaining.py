"""Why a user got a push or none: the decisions about the user's events, grouped by source position."""

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from saving_alerts.domain.decisions import Decision, Subject, answer
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.client import partition_of
from saving_alerts.kafka.codecs import encode
from saving_alerts.kafka.connection import KafkaConnection
from saving_alerts.kafka.searching import Sought, sought_by_key
from saving_alerts.kafka.topics import Topics
from saving_alerts.ledger.offset_lookup import partitions_of, spans_since
from saving_alerts.ledger.topic_reader import StoredRecord, decoded, read

# Decisions are read from this long before `since`. An echo is written after the answer: without the margin only the
# echo could be found, and be taken for the answer.
ECHO_MARGIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which decisions are searched: a user's, an event's, or those of both. At least one is given."""

    user_id: str | None
    event_id: str | None

    def may_be(self, record: StoredRecord) -> bool:
        """A cheap test of the raw record, because most records do not match: False if it certainly does not."""
        if self.user_id is not None and record.key != self.user_id.encode():
            return False
        return self.event_id is None or encode(self.event_id) in (record.value or b"")

    @property
    def sought(self) -> Sought:
        """What stands in the bytes of each of their records."""
        if self.user_id is not None:
            return sought_by_key(self.user_id.encode())
        return Sought(encode(self.event_id))

    def partitions_among(self, numbers: range) -> Collection[int]:
        """A user's decisions are all in one partition, because they are keyed by the user; an event's may be in any."""
        return numbers if self.user_id is None else [partition_of(self.user_id.encode(), len(numbers))]

    def is_about(self, subject: Decision | Subject) -> bool:
        return self.user_id in {None, subject.user_id} and self.event_id in {None, subject.event_id}


class Explanation(msgspec.Struct, frozen=True):
    """One event: the decision that counts, and the others about its position, in the order written."""

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
    """The events with a decision since then, oldest event first. Raises KafkaFailedError."""
    return within(explanations(await decisions_about(connection, topics, wanted, since)), since)


async def decisions_about(
    connection: KafkaConnection, topics: Topics, wanted: Wanted, since: datetime, most: int | None = None
) -> list[Decision]:
    """In the order written, from ECHO_MARGIN before `since` on; of more than `most` the last ones.

    Raises KafkaFailedError.
    """
    topic = topics.decisions.name
    numbers = wanted.partitions_among(await partitions_of(connection, topic))
    found: deque[Decision] = deque(maxlen=most)
    spans = await spans_since(connection, topic, numbers, since - ECHO_MARGIN)
    async for batch in read(connection, topic, spans, sought=wanted.sought):
        entries = (decoded(record) for record in batch if wanted.may_be(record))
        found += [entry for entry in entries if isinstance(entry, Decision) and wanted.is_about(entry)]
    return list(found)


def within(explained: Iterable[Explanation], since: datetime) -> tuple[Explanation, ...]:
    """Those with a decision since then."""
    return tuple(each for each in explained if each.last_decided_at >= since)


def explanations(decisions: Iterable[Decision]) -> tuple[Explanation, ...]:
    """Decisions, given in the order written, grouped by event; oldest event first."""
    by_position: dict[SourcePosition, list[Decision]] = {}
    for decision in decisions:
        by_position.setdefault(decision.position, []).append(decision)
    explained = [
        _explanation(position, of_event) for position, written in by_position.items() for of_event in _by_event(written)
    ]
    return tuple(sorted(explained, key=lambda each: each.happened_at))


def _by_event(written: Sequence[Decision]) -> Iterable[list[Decision]]:
    """Of one position. Positions come again when the source is made anew: each event there has its own answer.

    A decision that names no event is about the only one there, or about one of its own.
    """
    events = {decision.event_id: None for decision in written if decision.event_id is not None}
    nameless = next(iter(events)) if len(events) == 1 else None
    by_event: dict[str | None, list[Decision]] = {}
    for decision in written:
        by_event.setdefault(decision.event_id or nameless, []).append(decision)
    return by_event.values()


def _explanation(position: SourcePosition, written: list[Decision]) -> Explanation:
    counts = answer(written)
    return Explanation(position, counts, tuple(decision for decision in written if decision is not counts))
