"""The sends that stand on the changelog of the Table, read beside the workers."""

from collections.abc import AsyncIterator
from datetime import datetime

from saving_alerts.domain.decoding import Unreadable
from saving_alerts.domain.push_sends import REMEMBERED, PushSend, remembered
from saving_alerts.kafka.connection import KafkaConnection
from saving_alerts.kafka.push_send_rows import read_list, read_row, user_and_row
from saving_alerts.ledger.offset_lookup import partitions_of, spans_since
from saving_alerts.ledger.topic_reader import Progress, StoredRecord, read

UserSend = tuple[str, PushSend]


async def recorded_sends(
    connection: KafkaConnection, topic: str, now: datetime, progress: Progress
) -> AsyncIterator[list[UserSend | Unreadable]]:
    """All that a cap can still count, in batches, with their users. Raises KafkaFailedError."""
    # One that was dated ahead was written before that; none is dated ahead by as much again.
    spans = await spans_since(connection, topic, await partitions_of(connection, topic), now - 2 * REMEMBERED)
    advance = progress.begin(topic, sum(span.length for span in spans.values()))
    async for batch in read(connection, topic, spans, advance):
        yield [found for record in batch for found in sends_of(record, now)]


def sends_of(record: StoredRecord, now: datetime) -> list[UserSend | Unreadable]:
    """Of a row, and of a record of 0.1.0. A tombstone has none: what it removes was too old."""
    if record.key is None or record.value is None:
        return []
    user, raw = user_and_row(record.key)
    found = read_row(raw) if raw else read_list(record.value)
    if isinstance(found, Unreadable):
        return [found]
    try:
        user_id = user.decode()
    except UnicodeDecodeError:
        return [Unreadable("the user is not UTF-8")]
    sends = found if isinstance(found, tuple) else (found.send,)
    return [(user_id, send) for send in remembered(sends, now)]
