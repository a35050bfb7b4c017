"""Refused bytes in a stage: each source offset of them gets its decision, and they become one dead letter."""

import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import MessageSizeTooLargeError

from saving_alerts.delivery.addressing import address_of, address_of_source, read_source
from saving_alerts.delivery.batches import batch_scheduler
from saving_alerts.delivery.outcome_writer import OutcomeWriter
from saving_alerts.delivery.outputs import Undelivered
from saving_alerts.delivery.record_builder import MAX_REFUSED_DECISIONS, RecordBuilder
from saving_alerts.delivery.record_results import BatchResult
from saving_alerts.domain.alerts import Alert
from saving_alerts.domain.decisions import Stage, Subject
from saving_alerts.domain.events import SourceRecord
from saving_alerts.domain.reasons import Reason
from saving_alerts.kafka.refused import KEPT_BYTES, RefusedBytes, refused_record
from saving_alerts.kafka.topics import Topics
from saving_alerts.pipeline.outcomes import Decided, Outcome
from tests.support.fakes.clock import START, FakeClock
from tests.support.fakes.metrics import RecordingMetrics
from tests.support.sample_events import alert

pytestmark = pytest.mark.asyncio

TOPICS = Topics.named("saving-events", "saving-alerts")
PROBLEM = "a batch compressed with gzip that has more than 33554432 bytes"
BYTES = b"\x1f\x8b" * KEPT_BYTES
FIRST = 41


def never(_value: SourceRecord) -> Outcome[object]:
    raise AssertionError("a step sees nothing of a batch that was refused")


async def never_waits(value: SourceRecord) -> Outcome[object]:
    return never(value)


def refused(topic: str, last: int) -> ConsumerRecord:
    return refused_record(TopicPartition(topic, 3), FIRST, RefusedBytes(BYTES, PROBLEM, last))


class Written:
    """What one stage writes about one record, by the topic it goes to."""

    def __init__(self, stage: Stage) -> None:
        builder = RecordBuilder(TOPICS, "worker-1", FakeClock(), RecordingMetrics(), lambda: "rules-1", 4)
        self.writer: OutcomeWriter[SourceRecord, object] = OutcomeWriter(
            stage, builder, read_source, address_of_source, None
        )
        self.result = BatchResult([])

    def in_batch(self, record: ConsumerRecord) -> "Written":
        self.result = self.writer.of_batch([record], never, START)
        return self

    async def alone(self, record: ConsumerRecord) -> "Written":
        self.result = await self.writer.of_record(record, never_waits, START)
        return self

    def to(self, topic: str) -> list[dict[str, object]]:
        outputs = [output for each in self.result.results for output in each.outputs]
        return [json.loads(output.value or b"") for output in outputs if output.topic == topic]


Way = Callable[[Written, ConsumerRecord], Awaitable[Written]]


async def in_batch(written: Written, record: ConsumerRecord) -> Written:
    return written.in_batch(record)


async def alone(written: Written, record: ConsumerRecord) -> Written:
    return await written.alone(record)


@pytest.mark.parametrize("way", [in_batch, alone])
async def test_on_the_source_each_offset_is_invalid_and_the_bytes_are_kept_once(way: Way) -> None:
    written = await way(Written(Stage.VALIDATE), refused("saving-events", FIRST + 2))

    decisions = written.to(TOPICS.decisions.name)
    assert [each["position"] for each in decisions] == [
        {"topic": "saving-events", "partition": 3, "offset": FIRST + number} for number in range(3)
    ]
    assert {(each["reason"], str(each["details"])) for each in decisions} == {("invalid", str({"problem": PROBLEM}))}
    (dead_letter,) = written.to(TOPICS.dead_letters.name)
    assert (dead_letter["error"], dead_letter["reason"], dead_letter["offset"]) == (PROBLEM, "invalid", FIRST)
    assert dead_letter["body_bytes"] == len(BYTES)
    assert dead_letter["sha256"] == RefusedBytes(BYTES, PROBLEM, FIRST).sha256
    assert written.result.records == 1


@pytest.mark.parametrize(("more", "decisions"), [(0, MAX_REFUSED_DECISIONS), (1, 1), (2**31, 1)])
async def test_very_many_offsets_share_one_receipt(more: int, decisions: int) -> None:
    last = FIRST + MAX_REFUSED_DECISIONS - 1 + more
    written = Written(Stage.VALIDATE).in_batch(refused("saving-events", last))

    entries = written.to(TOPICS.decisions.name)
    assert len(entries) == decisions
    assert {each["reason"] for each in entries} == {"invalid"}
    if more:
        assert entries[0]["ranges"] == [[FIRST, last]]


@pytest.mark.parametrize("way", [in_batch, alone])
async def test_between_the_stages_it_is_a_dead_letter_at_its_own_position(way: Way) -> None:
    written = await way(Written(Stage.QUERY_COUPONS), refused(TOPICS.validated.name, FIRST + 2))

    (decision,) = written.to(TOPICS.decisions.name)
    assert decision["reason"] == "dead_letter"
    assert decision["position"] == {"topic": TOPICS.validated.name, "partition": 3, "offset": FIRST}
    assert decision["details"] == {"error": PROBLEM}
    assert [each["error"] for each in written.to(TOPICS.dead_letters.name)] == [PROBLEM]


async def test_it_is_committed_behind_all_of_its_offsets() -> None:
    partition = TopicPartition("saving-events", 3)
    scheduler = batch_scheduler(frozenset({"saving-events"}), 500)()

    ((_, message),) = scheduler.iterate({partition: [refused("saving-events", FIRST + 2)]})

    assert message.offset == FIRST + 2


async def test_whose_event_it_was_is_known_also_where_kafka_refuses_its_decision() -> None:
    def step(_value: SourceRecord) -> Decided:
        return Decided(Reason.INVALID, {"problem": "odd"}, subject=Subject(event_id="e-1", user_id="u-42"))

    written = Written(Stage.VALIDATE)
    record = ConsumerRecord("saving-events", 3, FIRST, 0, 0, None, b"{}", None, 0, 0, ())
    results = written.writer.of_batch([record], step, START).results
    (refused_output,) = results[0].outputs

    instead = written.writer.undelivered(Undelivered(refused_output, MessageSizeTooLargeError()), results)

    decision = next(json.loads(each.value or b"") for each in instead if each.topic == TOPICS.decisions.name)
    assert (decision["user_id"], decision["event_id"]) == ("u-42", "e-1")


@pytest.mark.parametrize("reason", [Reason.PUSHED, Reason.CAPPED])
async def test_a_decision_has_what_a_sentence_to_the_shopper_needs(reason: Reason) -> None:
    """The stages' times, the shopper's zone, the merchant's name, and the text where a push may have been sent."""
    builder = RecordBuilder(TOPICS, "worker-1", FakeClock(), RecordingMetrics(), lambda: "rules-1", 4)
    writer: OutcomeWriter[Alert, object] = OutcomeWriter(
        Stage.DISPATCH_PUSH, builder, lambda _record, _at: alert(), address_of, None, lambda _subject: "Shop"
    )
    headers = [("timeline", b'[["validate",0,3]]')]
    record = ConsumerRecord(TOPICS.alerts.name, 3, 7, 0, 0, b"u-1", b"{}", 0, 3, 2, headers)

    (result,) = writer.of_batch([record], lambda _alert: Decided(reason), START).results

    decided = json.loads(result.outputs[0].value or b"")
    assert (decided["timezone"], decided["locale"], decided["merchant_name"]) == ("Europe/Berlin", "en", "Shop")
    assert decided.get("text") == ({"title": "20% at Shop", "body": "Coffee"} if reason is Reason.PUSHED else None)
    assert decided["timeline"] == [["validate", 0, 3], ["dispatch_push", 0, 0]]


async def test_the_age_of_a_push_leaves_out_how_long_it_was_gathered() -> None:
    async def step(_alert: Alert) -> Decided:
        return Decided(Reason.PUSHED, gathered=timedelta(seconds=7))

    def decode(_record: ConsumerRecord, _read_at: datetime) -> Alert:
        return alert()

    builder = RecordBuilder(TOPICS, "worker-1", FakeClock(), RecordingMetrics(), lambda: "rules-1", 4)
    writer: OutcomeWriter[Alert, object] = OutcomeWriter(Stage.DISPATCH_PUSH, builder, decode, address_of, None)

    record = ConsumerRecord(TOPICS.alerts.name, 3, 7, 0, 0, b"u-1", b"{}", None, 3, 2, ())

    result = await writer.of_record(record, step, START)

    assert result.ages(START + timedelta(seconds=9)) == [("pushed", 2.0)]
