"""The sends that stand on the changelog of the Table, read beside the workers."""

from collections.abc import AsyncIterator
from datetime import datetime

from saving_alerts.domain.decoding import Unreadable
from saving_alerts.domain.push_sends import REMEMBERED, PushSend, remembered
from saving_alerts.kafka.connection import KafkaConnection
from saving_alerts.kafka.push_send_rows import SendRow, read_list, read_row, user_and_row
from saving_alerts.ledger.offset_lookup import partitions_of, spans_since
from saving_alerts.ledger.topic_reader import Progress, StoredRecord, read

UserSend = tuple[str, PushSend]


async def recorded_sends(
    connection: KafkaConnection, topic: str, now: datetime, progress: Progress
) -> AsyncIterator[list[UserSend | Unreadable]]:
    """All that a cap can still count, in batches, with their users. Raises KafkaFailedError.

    It is read twice: what was erased may stand there for a while, before its tombstone.
    """
    # One that was dated ahead was written before that; none is dated ahead by as much again.
    spans = await spans_since(connection, topic, await partitions_of(connection, topic), now - 2 * REMEMBERED)
    offsets = sum(span.length for span in spans.values())
    erased: dict[bytes, int] = {}  # a key is in one partition only
    async for batch in read(connection, topic, spans, progress.begin(f"{topic}, what was erased", offsets)):
        erased |= {record.key: record.offset for record in batch if record.key and _erases(record, now)}
    async for batch in read(connection, topic, spans, progress.begin(topic, offsets)):
        standing = (each for each in batch if each.offset > erased.get(each.key or b"", -1))
        yield [found for record in standing for found in sends_of(record, now)]


def _erases(record: StoredRecord, now: datetime) -> bool:
    """Whether it is a tombstone of what may still count: all others are of what was too old."""
    if record.key is None or record.value is not None:
        return False
    _, raw = user_and_row(record.key)
    row = read_row(raw)
    return not raw or (isinstance(row, SendRow) and bool(remembered((row.send,), now)))


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
