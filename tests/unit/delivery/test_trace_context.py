"""The trace of an event goes on to the next stage, to the APIs, into the push and into the decision."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from aiokafka import ConsumerRecord

from saving_alerts.adapters.push_api import PushApi, PushApiPolicy
from saving_alerts.delivery.addressing import address_of_source, read_source, to_next_stage
from saving_alerts.delivery.outcome_writer import Forwarding, OutcomeWriter
from saving_alerts.delivery.record_builder import RecordBuilder
from saving_alerts.domain.alerts import push_of
from saving_alerts.domain.decisions import Decision, Stage
from saving_alerts.domain.events import SourceRecord, ValidatedEvent
from saving_alerts.domain.reasons import Reason
from saving_alerts.kafka.codecs import Envelope, alert_codec, decode_ledger, validated_codec
from saving_alerts.kafka.topics import Topics
from saving_alerts.pipeline.outcomes import Decided, Forward, Outcome
from saving_alerts.ports.push_sender import Accepted
from saving_alerts.ports.trace_context import traceparent_now, tracing
from tests.docs.test_contract_schemas import EXAMPLES, HEADERS
from tests.support.fakes.canned_server import canned_server
from tests.support.fakes.clock import START, FakeClock
from tests.support.fakes.metrics import RecordingMetrics
from tests.support.sample_pushes import PUSH

Step = Callable[[SourceRecord], Outcome[ValidatedEvent]]

TOPICS = Topics.named("saving-events", "saving-alerts")
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def record(*headers: tuple[str, bytes]) -> ConsumerRecord:
    return ConsumerRecord("saving-events", 0, 7, 0, 0, b"u-1", b"{}", None, 0, 0, headers)


WITH_TRACE = record(("other", b"x"), ("traceparent", TRACE.encode()))


def writer() -> OutcomeWriter[SourceRecord, ValidatedEvent]:
    builder = RecordBuilder(TOPICS, "worker-1", FakeClock(), RecordingMetrics(), lambda: "rules-1", 4)
    forwarding: Forwarding[ValidatedEvent] = Forwarding(TOPICS.validated.name, to_next_stage)
    return OutcomeWriter(Stage.VALIDATE, builder, read_source, address_of_source, forwarding)


def decided(_: SourceRecord) -> Outcome[ValidatedEvent]:
    return Decided(Reason.EXPIRED)


def fails(_: SourceRecord) -> Outcome[ValidatedEvent]:
    raise ValueError("unforeseen")


def validated(value: SourceRecord) -> Outcome[ValidatedEvent]:
    (example,) = [each.value for each in EXAMPLES if each.contract == "validated"][:1]
    return Forward(validated_codec.decode(json.dumps(example).encode(), HEADERS))


@pytest.mark.parametrize("step", [decided, fails], ids=["decided", "dead letter"])
@pytest.mark.parametrize(("of", "expected"), [(WITH_TRACE, TRACE), (record(), None)], ids=["with", "without"])
def test_it_stands_in_the_decision(
    step: Callable[[SourceRecord], Outcome[ValidatedEvent]], of: ConsumerRecord, expected: str | None
) -> None:
    (result,) = writer().of_batch([of], step, START).results

    decision = decode_ledger(result.outputs[0].value)
    assert isinstance(decision, Decision)
    assert decision.traceparent == expected


@pytest.mark.parametrize(("of", "expected"), [(WITH_TRACE, [TRACE.encode()]), (record(), [])], ids=["with", "without"])
def test_it_is_a_header_of_the_next_record(of: ConsumerRecord, expected: list[bytes]) -> None:
    (result,) = writer().of_batch([of], validated, START).results

    headers = result.outputs[0].headers
    assert [value for name, value in headers if name == "traceparent"] == expected
    assert Envelope.read(headers).event_id


@pytest.mark.asyncio
async def test_a_step_that_waits_knows_it() -> None:
    seen: list[str | None] = []

    async def step(_: SourceRecord) -> Outcome[ValidatedEvent]:
        seen.append(traceparent_now())
        return Decided(Reason.EXPIRED)

    await writer().of_record(WITH_TRACE, step, START)
    await writer().of_record(record(), step, START)

    assert (seen, traceparent_now()) == ([TRACE, None], None)


@pytest.mark.asyncio
async def test_it_goes_with_the_request() -> None:
    heads: list[str] = []
    async with canned_server(CREATED, heads) as address:
        api = PushApi.over_http(PushApiPolicy(f"http://{address}"), FakeClock(), RecordingMetrics())
        with tracing(TRACE):
            assert await api.attempt(PUSH, "k-1", START) == Accepted(201)
        await api.attempt(PUSH, "k-1", START)
        await api.close()

    assert f"traceparent: {TRACE}" in heads[0]
    assert "traceparent" not in heads[1]


def test_it_stands_in_the_push() -> None:
    alert = next(each.value for each in EXAMPLES if each.contract == "alert")
    read = alert_codec.decode(json.dumps(alert).encode(), HEADERS)

    assert push_of(read, START, timedelta(minutes=10), TRACE).trace.traceparent == TRACE
    assert push_of(read, START, timedelta(minutes=10)).trace.traceparent is None
