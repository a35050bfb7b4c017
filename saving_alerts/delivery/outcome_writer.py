"""From a record and what its step returned to the records that say so."""

import itertools
import logging
import traceback
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

import msgspec
from aiokafka import ConsumerRecord

from saving_alerts.delivery.addressing import Addressed, address_by_headers
from saving_alerts.delivery.outputs import Output, Undelivered
from saving_alerts.delivery.record_builder import UNTRIED, RecordBuilder
from saving_alerts.delivery.record_context import RecordContext
from saving_alerts.delivery.record_results import NOT_A_TRIGGER_REASON, BatchResult, RecordResult
from saving_alerts.delivery.timeline import continued, timeline_of
from saving_alerts.dependencies import Dependencies
from saving_alerts.domain.decisions import Stage, Subject
from saving_alerts.domain.holds import Holds, together
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.codecs import Envelope, holds_in, without_values
from saving_alerts.kafka.refused import RefusedBytes
from saving_alerts.metrics import FORWARDED
from saving_alerts.pipeline.outcomes import Decided, Failed, Forward, Outcome
from saving_alerts.ports.trace_context import traceparent_in, tracing

log = logging.getLogger(__name__)

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True, slots=True)
class Forwarding(Generic[Out]):
    """Where a stage's output goes, and how it is addressed there."""

    topic: str
    address: Callable[[Out], tuple[str, Envelope]]


def _nameless(_subject: Subject) -> str | None:
    return None


class PendingStep(msgspec.Struct, frozen=True, gc=False):
    """A record whose step has begun and not ended. `begun` numbers them in order."""

    begun: int
    stage: Stage
    position: SourcePosition
    deadline: datetime | None


class OutcomeWriter(Generic[In, Out]):
    """The one reader of what steps return, for one stage."""

    def __init__(
        self,
        stage: Stage,
        record_builder: RecordBuilder,
        decode: Callable[[ConsumerRecord, datetime], In],
        address: Callable[[In], Addressed],
        forwarding: Forwarding[Out] | None,
        merchant_name: Callable[[Subject], str | None] = _nameless,
        dependencies: Dependencies | None = None,
    ) -> None:
        self.stage = stage
        self._record_builder = record_builder
        self._decode = decode
        self._address = address
        self._forwarding = forwarding
        self._merchant_name = merchant_name
        self._dependencies = dependencies or Dependencies()
        self._pending: dict[int, PendingStep] = {}
        self._numbers = itertools.count()

    @property
    def pending(self) -> Collection[PendingStep]:
        """The records whose step has begun and not ended."""
        return self._pending.values()

    def of_batch(
        self, records: Sequence[ConsumerRecord], step: Callable[[In], Outcome[Out]], read_at: datetime
    ) -> BatchResult:
        """Decode and step over records of one partition, one after the other."""
        results: list[RecordResult] = []
        no_triggers: list[int] = []
        for record in records:
            result = self._of_step(record, step, read_at)
            if result is None:
                no_triggers.append(record.offset)
            else:
                results.append(result)
        times = [record.timestamp for record in records] if no_triggers else []
        return BatchResult(results, no_triggers, (min(times), max(times)) if times else None)

    def _of_step(
        self, record: ConsumerRecord, step: Callable[[In], Outcome[Out]], read_at: datetime
    ) -> RecordResult | None:
        """None for what is no trigger."""
        if isinstance(record.value, RefusedBytes):
            return self._refused(record, record.value, read_at)
        value: In | None = None
        try:
            value = self._decode(record, read_at)
            outcome = step(value)
            if isinstance(outcome, Decided) and outcome.reason is NOT_A_TRIGGER_REASON:
                return None
            return self._result_of(record, self._address(value), outcome, read_at)
        except Exception:  # noqa: BLE001 - whatever it is: one record must not stop the others
            addressed = None if value is None else self._address(value)
            return self._dead_letter(record, addressed, traceback.format_exc())

    async def of_record(
        self, record: ConsumerRecord, step: Callable[[In], Awaitable[Outcome[Out]]], read_at: datetime
    ) -> BatchResult:
        """The same for one record, whose step waits for others."""
        if isinstance(record.value, RefusedBytes):
            return BatchResult([self._refused(record, record.value, read_at)])
        addressed: Addressed | None = None
        try:
            value = self._decode(record, read_at)
            addressed = self._address(value)
            with tracing(traceparent_in(record.headers)):
                outcome = await self._while_pending(addressed, step(value))
            result = self._result_of(record, addressed, outcome, read_at)
        except Exception:  # noqa: BLE001 - whatever it is: one record must not stop the others
            result = self._dead_letter(record, addressed, traceback.format_exc())
        return BatchResult([result])

    async def _while_pending(self, addressed: Addressed, outcome: Awaitable[Outcome[Out]]) -> Outcome[Out]:
        number = next(self._numbers)
        self._pending[number] = PendingStep(number, self.stage, addressed.position, addressed.deadline)
        try:
            return await outcome
        finally:
            del self._pending[number]

    def _result_of(
        self, record: ConsumerRecord, addressed: Addressed, outcome: Outcome[Out], begun: datetime
    ) -> RecordResult:
        if isinstance(outcome, Failed):
            return self._dead_letter(record, addressed, outcome.error)
        context = self._context(record, addressed, begun)
        if isinstance(outcome, Forward):
            return RecordResult(record, FORWARDED, [self._forward(outcome.value, context)], addressed)
        return self._decided(record, addressed, outcome, context)

    def _context(self, record: ConsumerRecord, addressed: Addressed, begun: datetime) -> RecordContext:
        """What the stages before have noted, and this one. A timeline on the source is not ours."""
        before = () if self.stage is Stage.VALIDATE else timeline_of(record.headers)
        read_at = addressed.subject.read_at or begun
        timeline = continued(before, self.stage, read_at, begun, self._record_builder.now())
        return RecordContext(timeline, traceparent_in(record.headers), self._holds(record))

    def _holds(self, record: ConsumerRecord) -> Holds:
        """What has held the event up: before this stage, as a header says, and since it stands on its topic."""
        before = () if self.stage is Stage.VALIDATE else holds_in(record.headers)
        here = self._dependencies.held(self.stage, record.timestamp)
        return together((*before, *here)) if before or here else ()

    def _forward(self, value: Out, context: RecordContext) -> Output:
        if self._forwarding is None:
            raise TypeError(f"nothing comes after {self.stage}")
        user_id, envelope = self._forwarding.address(value)
        return self._record_builder.forward(self._forwarding.topic, user_id, envelope, value, context)

    def _decided(
        self, record: ConsumerRecord, addressed: Addressed, decided: Decided, context: RecordContext
    ) -> RecordResult:
        if decided.subject is not None:  # whatever becomes of it from here on, it is known whose it is
            addressed = msgspec.structs.replace(addressed, subject=decided.subject)
        named = msgspec.structs.replace(addressed.subject, merchant_name=self._merchant_name(addressed.subject))
        if decided.gathered and addressed.received_at is not None:  # its age counts from the end of the gathering
            addressed = msgspec.structs.replace(addressed, received_at=addressed.received_at + decided.gathered)
        outputs = [self._record_builder.decision(self.stage, addressed.position, decided, named, context)]
        if decided.keep_bytes:
            problem = str(decided.details.get("problem", decided.reason))
            outputs.append(
                self._record_builder.dead_letter(self.stage, record, addressed.position, problem, decided.reason)
            )
        return RecordResult(record, decided.reason, outputs, addressed, decided.dated_ahead, context.holds)

    def _dead_letter(self, record: ConsumerRecord, addressed: Addressed | None, error: str) -> RecordResult:
        """Nobody foresaw this, so the bytes are kept for a developer, and the event still gets its decision."""
        addressed = addressed or address_by_headers(record)
        about = {"position": str(addressed.position), "event_id": addressed.subject.event_id}
        place = {"stage": str(self.stage), "partition": record.partition}
        log.error("%s: a record became a dead letter: %s", self.stage, without_values(error), extra=about | place)
        position, subject, traceparent = addressed.position, addressed.subject, traceparent_in(record.headers)
        outputs = [
            self._record_builder.dead_letter_decision(self.stage, position, subject, error, traceparent),
            self._record_builder.dead_letter(self.stage, record, addressed.position, error),
        ]
        return RecordResult(record, Reason.DEAD_LETTER, outputs, addressed)

    def _refused(self, record: ConsumerRecord, refused: RefusedBytes, read_at: datetime) -> RecordResult:
        """On the source each of its offsets was an event. On an internal topic nobody knows which events were in it:
        `audit` names them as missing.
        """
        if self.stage is not Stage.VALIDATE:
            return self._dead_letter(record, None, refused.problem)
        position = SourcePosition(record.topic, record.partition, record.offset)
        addressed = Addressed(position, Subject(read_at=read_at))
        outputs = [
            *self._record_builder.invalid(position, refused, addressed.subject),
            self._record_builder.dead_letter(self.stage, record, position, refused.problem, Reason.INVALID),
        ]
        return RecordResult(record, Reason.INVALID, outputs, addressed)

    def untried(self, record: ConsumerRecord) -> BatchResult:
        """For a record that is not to be looked at, not even decoded: its headers must do."""
        return BatchResult([self._dead_letter(record, None, UNTRIED)])

    def undelivered(self, failed: Undelivered, results: Sequence[RecordResult]) -> list[Output]:
        """What to write in place of an output that Kafka refused."""
        for result in results:
            if any(output is failed.output for output in result.outputs):
                return self._dead_letter(result.record, result.addressed, repr(failed.error)).outputs
        raise failed.error  # a receipt: no record of its own stands behind it

    def outputs(self, first: ConsumerRecord, result: BatchResult) -> list[Output]:
        """What is to be written, `first` being any record of the batch."""
        outputs = [output for result in result.results for output in result.outputs]
        if result.no_triggers:
            receipt = self._record_builder.receipt(first.topic, first.partition, result.no_triggers, result.written_ms)
            outputs.append(receipt)
        return outputs
