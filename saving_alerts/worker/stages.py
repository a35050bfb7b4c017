"""The four stages: each step of the pipeline with what it reads, what it writes, and the ports it needs.

A stage takes the snapshot of rules and merchants once per event, at the moment it looks at the event.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from aiokafka import ConsumerRecord

from saving_alerts.delivery.outcome_writer import Forwarding, OutcomeWriter
from saving_alerts.delivery.poison_pills.detector import PoisonPillDetector
from saving_alerts.delivery.producer import OutputProducer
from saving_alerts.delivery.record_builder import RecordBuilder
from saving_alerts.delivery.results import Addressed
from saving_alerts.delivery.stage_runner import Intake, StageRunner
from saving_alerts.domain.alerts import Alert
from saving_alerts.domain.coupons import Candidate
from saving_alerts.domain.decisions import Stage, Subject
from saving_alerts.domain.events import SourceRecord, ValidatedEvent
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.failpoints import Failpoints
from saving_alerts.kafka.codecs import Codec, Envelope, alert_codec, candidate_codec, validated_codec
from saving_alerts.kafka.topics import Topics
from saving_alerts.metrics import Metric, Metrics
from saving_alerts.pipeline import steps as pipeline
from saving_alerts.pipeline.dispatch import Dispatcher
from saving_alerts.pipeline.outcomes import Decided, Forward, Outcome
from saving_alerts.pipeline.rule_decisions import when_errors
from saving_alerts.ports import Ports
from saving_alerts.ports.clock import Clock
from saving_alerts.ports.push_sends import PushSends
from saving_alerts.reference_data.snapshot import ReferenceData

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True, slots=True)
class StageServices:
    """What the stages of one worker share."""

    topics: Topics
    recorder: RecordBuilder
    outputs: OutputProducer
    intake: Intake
    metrics: Metrics
    clock: Clock
    reference_data: ReferenceData
    push_sends: PushSends
    window_max_records: int
    guard: PoisonPillDetector
    failpoints: Failpoints


AnyStage = StageRunner[Any, Any]
Internal = TypeVar("Internal", ValidatedEvent, Candidate, Alert)


def build_stages(
    shop: StageServices, ports: Callable[[], Ports], dispatcher: Callable[[], Dispatcher]
) -> dict[Stage, AnyStage]:
    """The stages of one worker, in the order an event meets them. `ports` and `dispatcher` exist from boot on."""
    clock, data, metrics = shop.clock, shop.reference_data, shop.metrics

    def validate(record: SourceRecord) -> Forward[ValidatedEvent] | Decided:
        return pipeline.validate(record, data.current, now=record.read_at)  # which was a moment ago

    async def query_coupons(validated: ValidatedEvent) -> Forward[Candidate] | Decided:
        sends = shop.push_sends.of(validated.event.user_id)
        outcome = await pipeline.query_coupons(validated, data.current, sends, ports().coupon_source, clock)
        if isinstance(outcome, Decided) and outcome.details.get("asked") is False:
            metrics.count(Metric.COUPON_API_SKIPPED, reason=outcome.reason)
        return outcome

    def evaluate_rules(candidate: Candidate) -> Forward[Alert] | Decided:
        outcome = pipeline.evaluate_rules(candidate, data.current, clock.now())
        for rule_id in when_errors(outcome):
            metrics.count(Metric.RULES_WHEN_ERRORS, rule=rule_id)
        return outcome

    async def dispatch_push(alert: Alert) -> Decided:
        return await dispatcher().dispatch_push(alert, data.current.rules)

    return {
        Stage.VALIDATE: _runner(shop, Stage.VALIDATE, _read_source, _of_source, step=validate),
        Stage.QUERY_COUPONS: _runner(
            shop, Stage.QUERY_COUPONS, _reader(validated_codec), _of_value, waiting_step=query_coupons
        ),
        Stage.EVALUATE_RULES: _runner(
            shop, Stage.EVALUATE_RULES, _reader(candidate_codec), _of_value, step=evaluate_rules
        ),
        Stage.DISPATCH_PUSH: _runner(
            shop, Stage.DISPATCH_PUSH, _reader(alert_codec), _of_value, waiting_step=dispatch_push
        ),
    }


def _runner(
    shop: StageServices,
    stage: Stage,
    decode: Callable[[ConsumerRecord, datetime], In],
    address: Callable[[In], Addressed],
    *,
    step: Callable[[In], Outcome[Out]] | None = None,
    waiting_step: Callable[[In], Awaitable[Outcome[Out]]] | None = None,
) -> StageRunner[In, Out]:
    output = shop.topics.outputs.get(stage)
    forwarding: Forwarding[Any] | None = Forwarding(output.name, _to_next_stage) if output else None
    return StageRunner(
        stage,
        OutcomeWriter(stage, shop.recorder, decode, address, forwarding),
        shop.outputs,
        shop.intake,
        shop.metrics,
        shop.clock,
        shop.window_max_records,
        shop.guard,
        shop.failpoints,
        step=step,
        waiting_step=waiting_step,
    )


def _read_source(record: ConsumerRecord, read_at: datetime) -> SourceRecord:
    return SourceRecord(SourcePosition(record.topic, record.partition, record.offset), record.value, read_at)


def _reader(codec: Codec[Internal]) -> Callable[[ConsumerRecord, datetime], Internal]:
    def read(record: ConsumerRecord, _read_at: datetime) -> Internal:
        return codec.decode(record.value, record.headers)

    return read


def _of_source(record: SourceRecord) -> Addressed:
    return Addressed(record.position, Subject(read_at=record.read_at))


def _of_value(value: ValidatedEvent | Candidate | Alert) -> Addressed:
    if isinstance(value, Alert):
        return Addressed(value.position, pipeline.subject_of(value), value.received_at, value.deadline)
    validated = value.validated if isinstance(value, Candidate) else value
    return Addressed(validated.position, pipeline.subject_of(value), validated.event.received_at, validated.deadline)


def _to_next_stage(value: ValidatedEvent | Candidate | Alert) -> tuple[str, Envelope]:
    """The user whose partition it goes to, and the headers."""
    if isinstance(value, Alert):
        return value.user_id, Envelope(value.position, value.event_id, value.deadline)
    validated = value.validated if isinstance(value, Candidate) else value
    return validated.event.user_id, Envelope(validated.position, validated.event.event_id, validated.deadline)
