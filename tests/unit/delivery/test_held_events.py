"""What an event waited for while it was ill goes with the event, and stands in its decision."""

import asyncio
from datetime import timedelta

import msgspec
import pytest
from aiokafka import ConsumerRecord

from saving_alerts.delivery.addressing import address_of, to_next_stage
from saving_alerts.delivery.outcome_writer import Forwarding, OutcomeWriter
from saving_alerts.delivery.outputs import Output
from saving_alerts.delivery.record_builder import RecordBuilder
from saving_alerts.dependencies import COUPON_API, PUSH_API, Dependencies
from saving_alerts.domain.decisions import Decision, Stage
from saving_alerts.domain.events import ValidatedEvent
from saving_alerts.domain.holds import HeldBy, Holds
from saving_alerts.domain.reasons import Reason
from saving_alerts.kafka.codecs import HELD_BY_HEADER, decode_ledger, encode, holds_in
from saving_alerts.kafka.topics import Topics
from saving_alerts.pipeline.outcomes import Decided, Forward, Outcome
from tests.support.fakes.clock import START, FakeClock
from tests.support.fakes.metrics import RecordingMetrics
from tests.support.sample_events import validated

TOPICS = Topics.named("saving-events", "saving-alerts")
TEN_MINUTES = timedelta(minutes=10)
EARLIER = (HeldBy("Kafka", 20, START, "gone"),)


class HeldStage:
    """A stage in whose first ten minutes the two APIs fail."""

    def __init__(self, stage: Stage, outcome: Outcome[ValidatedEvent]) -> None:
        self.clock = FakeClock()
        self.dependencies = Dependencies(self.clock.now)
        builder = RecordBuilder(TOPICS, "worker-1", self.clock, RecordingMetrics(), lambda: "rules-1", 4)
        self.writer: OutcomeWriter[ValidatedEvent, ValidatedEvent] = OutcomeWriter(
            stage,
            builder,
            lambda record, read_at: validated(),
            address_of,
            Forwarding("next", to_next_stage),
            dependencies=self.dependencies,
        )
        self.outcome = outcome

    def outage(self) -> None:
        for name in (COUPON_API, PUSH_API):
            self.dependencies.of(name).failed("HTTP 500", 500)
            self.dependencies.of(name).ill()

    def written(self, before: Holds | None = None) -> Output:
        headers = () if before is None else ((HELD_BY_HEADER, encode(before)),)
        milliseconds = int(START.timestamp() * 1000)
        record = ConsumerRecord("topic", 0, 1, milliseconds, 0, b"k", b"v", None, 0, 1, headers)

        async def step(value: ValidatedEvent) -> Outcome[ValidatedEvent]:
            self.clock.advance(TEN_MINUTES)
            return self.outcome

        (result,) = asyncio.run(self.writer.of_record(record, step, START)).results
        return result.outputs[0]

    def decision(self, before: Holds | None = None) -> Decision:
        decision = decode_ledger(self.written(before).value)
        assert isinstance(decision, Decision)
        return decision


def test_the_decision_of_an_event_names_who_held_it() -> None:
    stage = HeldStage(Stage.QUERY_COUPONS, Decided(Reason.EXPIRED))
    stage.outage()

    assert stage.decision().held_by == (HeldBy("the Coupon API", 600, START, "HTTP 500"),)


def test_what_held_it_in_an_earlier_stage_comes_on_top() -> None:
    stage = HeldStage(Stage.DISPATCH_PUSH, Decided(Reason.EXPIRED))
    stage.outage()

    assert [each.by for each in stage.decision(EARLIER).held_by] == ["the push API", "Kafka"]


def test_what_is_forwarded_takes_it_along() -> None:
    stage = HeldStage(Stage.QUERY_COUPONS, Forward(validated()))
    stage.outage()

    assert [each.by for each in holds_in(stage.written(EARLIER).headers)] == ["the Coupon API", "Kafka"]


def test_nobody_upstream_can_put_it_into_a_decision() -> None:
    assert HeldStage(Stage.VALIDATE, Decided(Reason.EXPIRED)).decision(EARLIER).held_by == ()


@pytest.mark.parametrize("outcome", [Decided(Reason.CAPPED), Forward(validated())])
def test_an_event_that_nobody_held_is_written_as_before(outcome: Outcome[ValidatedEvent]) -> None:
    written = HeldStage(Stage.QUERY_COUPONS, outcome).written()

    assert b"held_by" not in (written.value or b"")
    assert HELD_BY_HEADER not in dict(written.headers)


def test_a_decision_of_an_older_release_says_nothing_of_it() -> None:
    stage = HeldStage(Stage.QUERY_COUPONS, Decided(Reason.CAPPED))
    old = msgspec.json.decode(stage.written().value or b"")

    assert "held_by" not in old
    assert msgspec.convert(old, Decision).held_by == ()
