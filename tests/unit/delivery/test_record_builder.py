"""Whatever a record was, what is written about it fits into one that Kafka takes."""

import pytest
from aiokafka import ConsumerRecord

from saving_alerts.delivery.producer import MAX_RECORD_BYTES
from saving_alerts.delivery.record_builder import MAX_ERROR_CHARACTERS, RecordBuilder
from saving_alerts.domain.decisions import Receipt, Stage
from saving_alerts.kafka.codecs import MAX_KEY_BYTES, decode_dead_letter, decode_ledger
from saving_alerts.kafka.topics import Topics
from tests.support.fakes.clock import FakeClock
from tests.support.fakes.metrics import RecordingMetrics

MEGABYTE = 1_000_000


def record(key: bytes | None, value: bytes, headers: tuple[tuple[str, bytes], ...] = ()) -> ConsumerRecord:
    return ConsumerRecord("saving-events", 3, 41, 0, 0, key, value, None, 0, 0, headers)


@pytest.mark.parametrize(
    "largest",
    [
        pytest.param(record(b"k" * MEGABYTE, b""), id="key"),
        pytest.param(record(b"k", b"\xff" * MEGABYTE), id="value"),
        pytest.param(record(b"k", b"", (("event_id", b"e" * MEGABYTE),)), id="header of a name of ours"),
        pytest.param(record(b"k", b"", (("traceparent", b"t" * MEGABYTE),)), id="header of others"),
    ],
)
def test_a_dead_letter_fits_whatever_the_record_was(largest: ConsumerRecord) -> None:
    record_builder = RecordBuilder(
        Topics.named("saving-events", "saving-alerts"), "w-1", FakeClock(), RecordingMetrics(), str, 4
    )

    output = record_builder.dead_letter(Stage.VALIDATE, largest, None, "\x00" * 2 * MAX_ERROR_CHARACTERS)

    assert output.size_bytes <= MAX_RECORD_BYTES
    letter = decode_dead_letter(output.value)
    assert letter.body_bytes == len(largest.value or b"")
    assert letter.key == output.key == largest.key[:MAX_KEY_BYTES]


@pytest.mark.parametrize(("partition", "place"), [(3, 3), (4, 0), (13, 1)])
def test_what_is_about_a_partition_that_our_topics_do_not_have_finds_a_place(partition: int, place: int) -> None:
    """Upstream may add partitions to the source while workers run."""
    builder = RecordBuilder(
        Topics.named("saving-events", "saving-alerts"), "w-1", FakeClock(), RecordingMetrics(), str, 4
    )
    of_partition = ConsumerRecord("saving-events", partition, 41, 0, 0, None, b"", None, 0, 0, ())

    receipt = builder.receipt("saving-events", partition, [41], (1_000, 2_000))
    letter = builder.dead_letter(Stage.VALIDATE, of_partition, None, "?")

    assert (receipt.partition, letter.partition) == (place, place)
    written = decode_ledger(receipt.value)
    assert isinstance(written, Receipt)
    assert (written.partition, written.ranges, written.written_ms) == (partition, ((41, 41),), (1_000, 2_000))


def test_a_receipt_of_an_older_release_says_no_times() -> None:
    older = (
        b'{"topic":"saving-events","partition":3,"ranges":[[0,3]],"decided_at":"2026-11-23T10:15:00Z","worker":"w-1",'
        b'"rules_version":"f00dfeedf00d","reason":"not_a_trigger"}'
    )

    written = decode_ledger(older)

    assert isinstance(written, Receipt)
    assert written.written_ms is None
