"""The work of a stage for the contenders `idiomatic` and `bare`: our steps and records, without our delivery."""

import itertools
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol, cast

from aiokafka import ConsumerRecord

from benchmarks.contenders.immediate_ports import (
    ImmediateCoupons,
    ImmediateSender,
    ImmediateThrottle,
    NoKillSwitches,
)
from benchmarks.source import PARTITIONS, long_freshness_rules, snapshot
from saving_alerts.adapters.in_memory_metrics import InMemoryMetrics
from saving_alerts.delivery.addressing import address_of, to_next_stage
from saving_alerts.delivery.outputs import Output
from saving_alerts.delivery.record_builder import RecordBuilder
from saving_alerts.domain.alerts import Alert
from saving_alerts.domain.coupons import Candidate
from saving_alerts.domain.decisions import Stage
from saving_alerts.domain.events import SourceRecord, ValidatedEvent
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.codecs import Codec, Headers, alert_codec, candidate_codec, validated_codec
from saving_alerts.kafka.topics import Topics
from saving_alerts.pipeline import steps
from saving_alerts.pipeline.dispatch import Dispatcher
from saving_alerts.pipeline.outcomes import Decided, Forward
from saving_alerts.worker.clock import SystemClock
from tests.support.fakes.push_sends import NoPushSends

LEASE_LEFT = timedelta(seconds=7)

Internal = ValidatedEvent | Candidate | Alert
Step = Callable[[Internal], Awaitable[Forward[Internal] | Decided]]


class Incoming(Protocol):
    """A raw record, as aiokafka and Faust both have it."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def value(self) -> bytes: ...
    @property
    def headers(self) -> Headers: ...


@dataclass(slots=True)
class Work:
    """The outputs of a batch, and how many of its records were forwarded."""

    outputs: list[Output] = field(default_factory=list)
    forwarded: int = 0


class StageWork:
    """All four stages of one process, with ports that answer at once."""

    def __init__(self, topics: Topics, worker: str) -> None:
        self._clock = SystemClock()
        self._snapshot = snapshot(long_freshness_rules())
        self._record_builder = RecordBuilder(
            topics, worker, self._clock, InMemoryMetrics(), lambda: self._snapshot.rules.version, PARTITIONS
        )
        self._next = {stage: topic.name for stage, topic in topics.next_stage.items()}
        self._coupons = ImmediateCoupons()
        self._dispatcher = Dispatcher(
            throttle=ImmediateThrottle(self._clock),
            sender=ImmediateSender(),
            push_sends=NoPushSends(),
            kill_switches=NoKillSwitches(),
            clock=self._clock,
            incarnation=worker,
            lease_left=LEASE_LEFT,
            claim_numbers=itertools.count(1),
        )
        self._steps = {
            Stage.QUERY_COUPONS: (validated_codec, self._query_coupons),
            Stage.EVALUATE_RULES: (candidate_codec, self._evaluate_rules),
            Stage.DISPATCH_PUSH: (alert_codec, self._dispatch_push),
        }

    async def work(self, stage: Stage, records: Sequence[Incoming]) -> Work:
        """Do the stage's step on records of one partition, one after the other."""
        if stage is Stage.VALIDATE:
            return self._validate(records)
        codec, step = cast("tuple[Codec[Internal], Step]", self._steps[stage])
        work = Work()
        for record in records:
            value = codec.decode(record.value, record.headers)
            outcome = await step(value)
            if isinstance(outcome, Forward):
                self._forward(work, stage, outcome.value)
            else:
                addressed = address_of(value)
                work.outputs.append(
                    self._record_builder.decision(stage, addressed.position, outcome, addressed.subject)
                )
        return work

    def _validate(self, records: Sequence[Incoming]) -> Work:
        work, covered = Work(), []
        now, snapshot = self._clock.now, self._snapshot
        for record in records:
            position = SourcePosition(record.topic, record.partition, record.offset)
            outcome = steps.validate(SourceRecord(position, record.value, now()), snapshot, now())
            if isinstance(outcome, Forward):
                self._forward(work, Stage.VALIDATE, outcome.value)
            elif outcome.reason is Reason.NOT_A_TRIGGER:
                covered.append(record.offset)
            else:
                work.outputs += self._decided(record, position, outcome)
        if covered:
            work.outputs.append(self._record_builder.receipt(records[0].topic, records[0].partition, covered))
        return work

    def _forward(self, work: Work, stage: Stage, value: Internal) -> None:
        user_id, envelope = to_next_stage(value)
        work.outputs.append(self._record_builder.forward(self._next[stage], user_id, envelope, value))
        work.forwarded += 1

    def _decided(self, record: Incoming, position: SourcePosition, decided: Decided) -> Iterable[Output]:
        if decided.subject is not None:
            yield self._record_builder.decision(Stage.VALIDATE, position, decided, decided.subject)
        if decided.keep_bytes:
            problem = str(decided.details["problem"])
            yield self._record_builder.dead_letter(Stage.VALIDATE, cast("ConsumerRecord", record), position, problem)

    async def _query_coupons(self, validated: ValidatedEvent) -> Forward[Candidate] | Decided:
        return await steps.query_coupons(validated, self._snapshot, (), self._coupons, self._clock)

    async def _evaluate_rules(self, candidate: Candidate) -> Forward[Alert] | Decided:
        return steps.evaluate_rules(candidate, self._snapshot, self._clock.now())

    async def _dispatch_push(self, alert: Alert) -> Decided:
        return await self._dispatcher.dispatch_push(alert, self._snapshot.rules)
