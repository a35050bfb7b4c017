"""Each kind of bytes that this system writes, with the function of the product that reads it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import faust
from aiokafka import AIOKafkaConsumer, ConsumerRecord

from saving_alerts.adapters.kill_switch_topic import KillSwitchTopic
from saving_alerts.delivery.poison_pills.commit_metadata import PartitionMemo
from saving_alerts.kafka.codecs import (
    Codec,
    Envelope,
    alert_codec,
    candidate_codec,
    decode_dead_letter,
    decode_ledger,
    validated_codec,
)
from saving_alerts.kafka.push_send_rows import user_and_row
from saving_alerts.kafka.topics import Topics
from saving_alerts.ledger.dead_letters import DeadLetter, DeadLetterPlace, why_not_among_many
from saving_alerts.worker.push_sends_table import PushSendsTable
from tests.recorded.lines import Line
from tests.recorded.meaning import meaning
from tests.support.fakes.clock import FakeClock

TOPICS = Topics.named("saving-events", "saving-alerts")
PARTITIONS = 4

Reading = Callable[[Line], object]


def _internal(codec: Codec[Any]) -> Reading:
    """As a stage reads it: whose record it is from the headers, the rest from the value."""

    def read(line: Line) -> object:
        envelope = Envelope.read(line.header_bytes)
        return {"envelope": meaning(envelope), "value": meaning(codec.decode(line.value_bytes, line.header_bytes))}

    return read


def _ledger(line: Line) -> object:
    entry = decode_ledger(line.value_bytes or b"")
    return {"is": type(entry).__name__, "says": meaning(entry)}


def _letter(line: Line) -> object:
    """What the commands show of a dead letter, and whether `replay --since` would take it."""
    letter = DeadLetter(DeadLetterPlace(0, 0), decode_dead_letter(line.value_bytes or b""))
    replayed = why_not_among_many(letter, TOPICS) is None
    return {"says": meaning(letter.record), "deadline": meaning(letter.deadline), "replayed": replayed}


def _note(line: Line) -> object:
    return meaning(PartitionMemo.read((line.value_bytes or b"").decode()))


def switches_after(lines: list[Line]) -> object:
    """The kill switches that are on for a worker that has read these records."""
    followed = KillSwitchTopic(AIOKafkaConsumer, TOPICS.kill_switches.name)
    for offset, line in enumerate(lines):
        followed._apply(kafka_record(line, TOPICS.kill_switches.name, offset))
    return meaning(followed.switches)


def table_after(lines: list[Line], now: datetime) -> PushSendsTable:
    """The Table of a worker that has recovered from these changelog records."""
    app = faust.App("test-recorded", broker="kafka://127.0.0.1:1", store="memory://", topic_partitions=PARTITIONS)
    table = PushSendsTable(app, TOPICS.push_sends.name, FakeClock(now))
    table._table.store.take(
        0, [kafka_record(line, TOPICS.push_sends.name, number) for number, line in enumerate(lines)]
    )
    return table


def kafka_record(line: Line, topic: str, offset: int = 0) -> ConsumerRecord:
    key, value = line.key_bytes, line.value_bytes
    return ConsumerRecord(topic, 0, offset, 0, 0, key, value, None, -1, -1, line.header_bytes)


def _push_sends(line: Line) -> object:
    table = table_after([line], line.taken_at or datetime.now(UTC))
    user, _ = user_and_row(line.key_bytes or b"")
    return meaning(table.of(user.decode()))


READINGS: dict[str, Reading] = {
    "validated": _internal(validated_codec),
    "candidates": _internal(candidate_codec),
    "alerts": _internal(alert_codec),
    "decisions": _ledger,
    "receipts": _ledger,
    "dead_letters": _letter,
    "notes": _note,
    "kill_switches": lambda line: switches_after([line]),
    "push_sends": _push_sends,
}
# Those that take a real Redis to be read.
REDIS_KINDS = ("redis_claims", "redis_heartbeats")
KINDS = (*READINGS, *REDIS_KINDS)
