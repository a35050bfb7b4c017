"""Which dead letters can be replayed."""

from aiokafka import ConsumerRecord, TopicPartition

from saving_alerts.delivery.record_builder import RecordBuilder
from saving_alerts.domain.decisions import Stage
from saving_alerts.kafka.codecs import decode_dead_letter
from saving_alerts.kafka.refused import RefusedBytes, refused_record
from saving_alerts.kafka.topics import Topics
from saving_alerts.ledger.dead_letters import DeadLetter, DeadLetterPlace, why_not
from tests.support.fakes.clock import FakeClock
from tests.support.fakes.metrics import RecordingMetrics

TOPICS = Topics.named("saving-events", "saving-alerts")


def dead_letter(record: ConsumerRecord) -> DeadLetter:
    builder = RecordBuilder(TOPICS, "w-1", FakeClock(), RecordingMetrics(), str, 4)
    output = builder.dead_letter(Stage.VALIDATE, record, None, "an error")
    return DeadLetter(DeadLetterPlace(0, 0), decode_dead_letter(output.value))


def test_a_batch_that_was_refused_is_no_record_to_write_again() -> None:
    refused = dead_letter(refused_record(TopicPartition("saving-events", 3), 41, RefusedBytes(b"batch", "why", 43)))

    assert why_not(refused, TOPICS) == "its bytes were refused before they were unpacked: they are no record"
    assert (
        why_not(dead_letter(ConsumerRecord("saving-events", 3, 41, 0, 0, None, b"batch", None, 0, 0, ())), TOPICS)
        is None
    )
