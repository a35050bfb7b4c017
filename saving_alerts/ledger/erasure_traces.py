"""What still stands about a user on the topics, read beside the workers, and by when it is gone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from saving_alerts.domain.erasures import Tokens
from saving_alerts.domain.moments import of_milliseconds
from saving_alerts.kafka.client import partition_of
from saving_alerts.kafka.connection import KafkaConnection
from saving_alerts.kafka.push_send_rows import user_and_row
from saving_alerts.kafka.topics import Topic, Topics
from saving_alerts.ledger.offset_lookup import offset_lookup, partitions_of
from saving_alerts.ledger.removal import compacted_by, deleted_by
from saving_alerts.ledger.topic_reader import Progress, Span, StoredRecord, read

Configs = Mapping[str, Mapping[str, str]]  # of the topics, by name


@dataclass(frozen=True, slots=True)
class Trace:
    """One store. `gone_by` None: with `is_gone` it is gone now, else nobody can say when.

    `undone`: `erase` has not removed what it is to remove. `is_kept`: it stays on purpose.
    """

    store: str
    what: str
    is_gone: bool = False
    gone_by: datetime | None = None
    undone: bool = False
    is_kept: bool = False

    @property
    def is_open(self) -> bool:
        """Not gone, and without an end."""
        return self.undone or not (self.is_gone or self.is_kept or self.gone_by)


@dataclass(frozen=True, slots=True)
class Search:
    """Whose traces are looked for, and how. `now` is the moment of the question."""

    connection: KafkaConnection
    topics: Topics
    configs: Configs
    user_id: str
    tokens: Tokens
    now: datetime
    progress: Progress

    async def traces(self) -> list[Trace]:
        """Of all topics, in the order in which an event passes them. Raises KafkaFailedError."""
        topics = self.topics
        keyed = (topics.validated, topics.candidates, topics.alerts, topics.decisions, *topics.recorded)
        return [
            self._unread(topics.source, "of upstream"),
            *[await self._by_user(topic) for topic in keyed],
            self._unread(topics.dead_letters, "as they came"),
            await self._rows(),
            *([await self._orders(topics.erasures)] if topics.erasures else []),
            *([await self._consent(topics.consent)] if topics.consent else []),
        ]

    def _unread(self, topic: Topic, whose: str) -> Trace:
        """Keys may be anything there, so all that was written until now is meant."""
        gone_by = deleted_by(self._config(topic), self.now)
        return Trace(
            topic.name, f"the records {whose}, not looked through: all that was written until now", gone_by=gone_by
        )

    async def _by_user(self, topic: Topic) -> Trace:
        user = self.user_id.encode()
        found = [record for record in await self._partition(topic) if record.key == user]
        if not found:
            return Trace(topic.name, "no record of the user", is_gone=True)
        last = max(_time(record) for record in found)
        return Trace(topic.name, f"{len(found)} records", gone_by=deleted_by(self._config(topic), last))

    async def _rows(self) -> Trace:
        """Of the Table: a row that has no tombstone stands in the clear."""
        topic, user, config = self.topics.push_sends, self.user_id.encode(), self._config(self.topics.push_sends)
        found = [each for each in await self._partition(topic) if each.key and user_and_row(each.key)[0] == user]
        if not found:
            return Trace(topic.name, "no row of the user", is_gone=True)
        standing = sum(record.value is not None for record in _last_of_each_key(found))
        # A tombstone has the row in its key, and goes with the topic's retention.
        gone_by = deleted_by(config, max(map(_time, found)))
        if standing:
            return Trace(topic.name, f"{standing} rows in the clear", gone_by=gone_by, undone=True)
        return Trace(topic.name, f"{len(found)} records of rows that have a tombstone", gone_by=gone_by)

    async def _orders(self, topic: Topic) -> Trace:
        """Its tombstone names nobody."""
        key, config = self.tokens.of_user(self.user_id).encode(), self._config(topic)
        found = [record for record in await self._partition(topic) if record.key == key]
        orders = [record for record in found if record.value is not None]
        if not orders:
            return Trace(topic.name, "no order", is_gone=True)
        if found[-1].value is not None:
            return Trace(topic.name, "an order that no worker has carried out yet", undone=True)
        over = compacted_by(config, _time(found[-1]))
        return Trace(topic.name, f"{len(orders)} orders that were carried out", gone_by=over)

    async def _consent(self, topic: Topic) -> Trace:
        user = self.user_id.encode()
        found = [record for record in await self._partition(topic) if record.key == user]
        last = found[-1:] if found and found[-1].value is not None else []
        what = "the last opt-out or opt-in, for ever: without it the user would be pushed again"
        return (
            Trace(topic.name, what, is_kept=True) if last else Trace(topic.name, "no record of the user", is_gone=True)
        )

    async def _partition(self, topic: Topic) -> list[StoredRecord]:
        """Of the user's partition what has the user's key, or may have."""
        numbers = await partitions_of(self.connection, topic.name)
        number = partition_of(self.user_id.encode(), len(numbers))
        async with offset_lookup(self.connection) as lookup:
            start = (await lookup.beginnings(topic.name, [number]))[number]
            end = (await lookup.ends(topic.name, [number]))[number]
        advance = self.progress.begin(topic.name, end - start)
        marks = (self.user_id.encode(), self.tokens.of_user(self.user_id).encode())
        found: list[StoredRecord] = []
        async for batch in read(self.connection, topic.name, {number: Span(start, end)}, advance):
            found += [record for record in batch if record.key and record.key.startswith(marks)]
        return found

    def _config(self, topic: Topic) -> Mapping[str, str]:
        return self.configs.get(topic.name, {})


def _last_of_each_key(records: list[StoredRecord]) -> list[StoredRecord]:
    return list({record.key: record for record in records}.values())


def _time(record: StoredRecord) -> datetime:
    return of_milliseconds(record.timestamp)
