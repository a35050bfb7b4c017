"""The four stages: each step of the pipeline with what it reads, what it writes, and the ports it needs.

A step takes the snapshot of rules and merchants once per event, at the moment it looks at the event.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from aiokafka import ConsumerRecord

from saving_alerts.delivery.addressing import (
    Addressed,
    address_of,
    address_of_source,
    read_source,
    reader,
    to_next_stage,
)
from saving_alerts.delivery.batch_work import BatchWork
from saving_alerts.delivery.outcome_writer import Forwarding, OutcomeWriter
from saving_alerts.delivery.record_work import RecordWork
from saving_alerts.delivery.services import StageServices
from saving_alerts.delivery.shared_writes import SHARE_SECONDS
from saving_alerts.delivery.stage_runner import StageRunner
from saving_alerts.delivery.work import ClockGate
from saving_alerts.domain.alerts import Alert, Departure
from saving_alerts.domain.coupons import Candidate
from saving_alerts.domain.decisions import Stage, Subject
from saving_alerts.domain.erasures import EventAt
from saving_alerts.domain.events import SourceRecord, ValidatedEvent
from saving_alerts.domain.passed_over import Oddity
from saving_alerts.domain.rules.messages import shown_name
from saving_alerts.kafka.codecs import candidate_codec, dispatch_codec, validated_codec
from saving_alerts.kafka.topics import Topics
from saving_alerts.metrics import Metric
from saving_alerts.pipeline import steps
from saving_alerts.pipeline.canary_counts import CanaryCounts
from saving_alerts.pipeline.dispatch import Dispatcher
from saving_alerts.pipeline.gathered_dispatch import GatheredDispatch
from saving_alerts.pipeline.gathering import Gatherings
from saving_alerts.pipeline.outcomes import Decided, Forward, Outcome
from saving_alerts.pipeline.rule_decisions import coupons_passed_over, when_errors
from saving_alerts.pipeline.user_turns import UserTurns
from saving_alerts.ports.consent import Consent
from saving_alerts.ports.coupon_source import CouponSource
from saving_alerts.ports.push_sends import PushSends
from saving_alerts.reference_data.snapshot import ReferenceData, Snapshot

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True, slots=True)
class StepInputs:
    """What the steps look at beside their event."""

    reference_data: ReferenceData
    push_sends: PushSends
    coupon_source: CouponSource
    dispatcher: Dispatcher
    clock_gate: ClockGate
    max_ahead: timedelta
    consent: Consent
    turns: UserTurns
    canary: CanaryCounts


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The steps of one worker, with their inputs bound and what they meet counted."""

    inputs: StepInputs
    services: StageServices

    def validate(self, record: SourceRecord) -> Forward[ValidatedEvent] | Decided:
        now = record.read_at  # which was a moment ago
        return steps.validate(record, self.inputs.reference_data.current, now, self.inputs.max_ahead)

    async def query_coupons(self, validated: ValidatedEvent) -> Forward[Candidate] | Decided:
        inputs, event = self.inputs, validated.event
        snapshot = self._snapshot_of(event.user_id)
        at = EventAt(validated.position, event.event_id, event.merchant_id or "")
        sends = inputs.push_sends.of(event.user_id, at)
        outcome = await steps.query_coupons(
            validated, snapshot, sends, inputs.coupon_source, self.services.clock, inputs.consent
        )
        if isinstance(outcome, Decided) and outcome.details.get("asked") is False:
            self.services.metrics.count(Metric.COUPON_API_SKIPPED, reason=outcome.reason)
        return outcome

    def evaluate_rules(self, candidate: Candidate) -> Outcome[Alert | Departure]:
        snapshot, now = self._snapshot_of(candidate.validated.event.user_id), self.services.clock.now()
        if departure := steps.departure(candidate, snapshot, now):
            return Forward(departure)
        outcome = steps.evaluate_rules(candidate, snapshot, now)
        self.inputs.canary.evaluated(snapshot.canary, outcome)
        for rule_id in when_errors(outcome):
            self.services.metrics.count(Metric.RULES_WHEN_ERRORS, rule=rule_id)
        if passed_over := coupons_passed_over(outcome) - candidate.passed_over.count:
            self.services.metrics.count(Metric.COUPONS_PASSED_OVER, passed_over, oddity=Oddity.LINK)
        return outcome

    def merchant_name(self, subject: Subject) -> str | None:
        """As the shopper calls the merchant; None for one that is not in the directory."""
        merchant = self.inputs.reference_data.current.merchants.by_id.get(subject.merchant_id or "")
        return shown_name(merchant, subject.locale or "") if merchant else None

    def freshness_of(self, event_type: str) -> timedelta:
        return self.inputs.reference_data.current.longest_freshness(event_type)

    def _snapshot_of(self, user_id: str) -> Snapshot:
        return self.inputs.reference_data.current.of(user_id, self.services.clock.now())


def build_stages(inputs: StepInputs, services: StageServices, topics: Topics) -> dict[Stage, StageRunner]:
    """The stages of one worker, in the order an event meets them."""
    pipeline = Pipeline(inputs, services)
    build = _Builder(services, topics, pipeline.merchant_name)
    dispatch = GatheredDispatch(inputs.dispatcher, inputs.turns, inputs.reference_data, inputs.canary)
    fresh = pipeline.freshness_of
    return {
        Stage.VALIDATE: build.batch_stage(
            Stage.VALIDATE, read_source, address_of_source, pipeline.validate, inputs.clock_gate
        ),
        Stage.QUERY_COUPONS: build.record_stage(
            Stage.QUERY_COUPONS, reader(validated_codec, fresh), address_of, pipeline.query_coupons
        ),
        Stage.EVALUATE_RULES: build.batch_stage(
            Stage.EVALUATE_RULES, reader(candidate_codec, fresh), address_of, pipeline.evaluate_rules
        ),
        Stage.DISPATCH_PUSH: build.record_stage(
            Stage.DISPATCH_PUSH, reader(dispatch_codec, fresh), address_of, dispatch.dispatch_push, dispatch.gatherings
        ),
    }


@dataclass(frozen=True, slots=True)
class _Builder:
    services: StageServices
    topics: Topics
    merchant_name: Callable[[Subject], str | None]

    def batch_stage(
        self,
        stage: Stage,
        decode: Callable[[ConsumerRecord, datetime], In],
        address: Callable[[In], Addressed],
        step: Callable[[In], Outcome[Out]],
        clock_gate: ClockGate | None = None,
    ) -> StageRunner:
        """For a step without I/O."""
        writer: OutcomeWriter[In, Out] = self._writer(stage, decode, address)
        return StageRunner(writer, self.services, BatchWork(writer, self.services, step, clock_gate), SHARE_SECONDS)

    def record_stage(
        self,
        stage: Stage,
        decode: Callable[[ConsumerRecord, datetime], In],
        address: Callable[[In], Addressed],
        step: Callable[[In], Awaitable[Outcome[Out]]],
        order: Gatherings | None = None,
    ) -> StageRunner:
        """For a step that waits for others."""
        writer: OutcomeWriter[In, Out] = self._writer(stage, decode, address)
        return StageRunner(writer, self.services, RecordWork(writer, self.services, step, order))

    def _writer(
        self,
        stage: Stage,
        decode: Callable[[ConsumerRecord, datetime], In],
        address: Callable[[In], Addressed],
    ) -> OutcomeWriter[In, Any]:
        output = self.topics.next_stage.get(stage)
        forwarding = Forwarding(output.name, to_next_stage) if output else None
        services, builder = self.services, self.services.record_builder
        return OutcomeWriter(stage, builder, decode, address, forwarding, self.merchant_name, services.dependencies)
