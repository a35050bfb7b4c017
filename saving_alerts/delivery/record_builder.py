"""What becomes of a record, as records: forwarded values, decisions, receipts and dead letters."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from aiokafka import ConsumerRecord

from saving_alerts.delivery.outputs import Output
from saving_alerts.delivery.record_context import NO_CONTEXT, RecordContext
from saving_alerts.domain.decision_limits import bounded_details, bounded_subject, bounded_text, bounded_versions
from saving_alerts.domain.decisions import Decision, Receipt, Stage, Subject, decision_id, ranges_of
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.client import partition_of
from saving_alerts.kafka.codecs import (
    LEDGER_HEADERS,
    MAX_KEY_BYTES,
    DeadLetterRecord,
    Envelope,
    cut,
    dead_letter_headers,
    encode,
    own_headers,
    summary_of,
)
from saving_alerts.kafka.refused import RefusedBytes
from saving_alerts.kafka.topics import Topics, place_of_source
from saving_alerts.metrics import Metric, Metrics
from saving_alerts.pipeline.outcomes import Decided
from saving_alerts.ports.clock import Clock

MAX_ERROR_CHARACTERS = 8_000
MAX_REFUSED_DECISIONS = 10_000  # librdkafka's default for the records of a batch
UNTRIED = "not tried: it killed the worker, or an operator skipped it"


class RecordBuilder:
    """Writes for one worker. `partitions` is how many each of our topics has.

    The source has as many. Should it get more while workers run, what belongs to its new partitions finds a place too.
    """

    def __init__(
        self,
        topics: Topics,
        worker: str,
        clock: Clock,
        metrics: Metrics,
        rules_version: Callable[[], str | None],
        partitions: int,
    ) -> None:
        self._topics = topics
        self._worker = worker
        self._clock = clock
        self._metrics = metrics
        self._rules_version = rules_version
        self._partitions = partitions

    def partition_of(self, key: bytes) -> int:
        """Kafka's standard murmur2 partitioner: the same user is always in the same partition."""
        return partition_of(key, self._partitions)

    def now(self) -> datetime:
        return self._clock.now()

    def forward(
        self, topic: str, user_id: str, envelope: Envelope, value: object, context: RecordContext = NO_CONTEXT
    ) -> Output:
        key = user_id.encode()
        return Output(topic, self.partition_of(key), key, encode(value), (*envelope.headers(), *context.headers()))

    def decision(
        self,
        stage: Stage,
        position: SourcePosition,
        decided: Decided,
        subject: Subject,
        context: RecordContext = NO_CONTEXT,
    ) -> Output:
        """It is bounded, whatever others wrote into what was decided: it always fits into a record."""
        subject = bounded_subject(subject)
        decision = Decision(
            decision_id=decision_id(position, decided.reason),
            position=position,
            stage=stage,
            reason=decided.reason,
            decided_at=self._clock.now(),
            worker=self._worker,
            details=bounded_details(decided.details),
            versions=bounded_versions(decided.versions),
            traceparent=context.traceparent,
            # Only where somebody may have read it: the text of a push that was never sent is nobody's business.
            text=bounded_text(subject.text) if subject.text and decided.reason.row.charges_cap else None,
            timeline=context.timeline,
            held_by=context.holds,
            **_about(subject),
        )
        key = (subject.user_id or str(position)).encode()
        return Output(self._topics.decisions.name, self.partition_of(key), key, encode(decision), LEDGER_HEADERS)

    def invalid(self, first: SourcePosition, refused: RefusedBytes, subject: Subject) -> list[Output]:
        """A decision for each source offset of the refused bytes; one receipt for more than MAX_REFUSED_DECISIONS."""
        offsets = range(first.offset, refused.last_offset + 1)
        if len(offsets) > MAX_REFUSED_DECISIONS:
            ranges = ((first.offset, refused.last_offset),)
            return [self._receipt(first.topic, first.partition, ranges, Reason.INVALID)]
        decided = Decided(Reason.INVALID, {"problem": refused.problem})
        positions = (SourcePosition(first.topic, first.partition, offset) for offset in offsets)
        return [self.decision(Stage.VALIDATE, position, decided, subject) for position in positions]

    def receipt(
        self, topic: str, partition: int, offsets: Sequence[int], written_ms: tuple[int, int] | None = None
    ) -> Output:
        """One record for all source offsets of a batch that were no triggers."""
        return self._receipt(topic, partition, ranges_of(offsets), Reason.NOT_A_TRIGGER, written_ms)

    def _receipt(
        self,
        topic: str,
        partition: int,
        ranges: tuple[tuple[int, int], ...],
        reason: Reason,
        written_ms: tuple[int, int] | None = None,
    ) -> Output:
        receipt = Receipt(
            topic=topic,
            partition=partition,
            ranges=ranges,
            decided_at=self._clock.now(),
            worker=self._worker,
            rules_version=self._rules_version(),
            written_ms=written_ms,
            reason=reason,
        )
        key, place = f"{topic}/{partition}".encode(), place_of_source(partition, self._partitions)
        return Output(self._topics.decisions.name, place, key, encode(receipt), LEDGER_HEADERS)

    def dead_letter(
        self,
        stage: Stage,
        record: ConsumerRecord,
        position: SourcePosition | None,
        error: str,
        reason: Reason = Reason.DEAD_LETTER,
    ) -> Output:
        """The record's bytes as they came, cut, with what is needed to find and replay the whole of it."""
        self._metrics.count(Metric.DEAD_LETTERS, stage=stage, reason=reason)
        dead_letter = self._dead_letter_record(stage, record, position, error, reason)
        place = place_of_source(record.partition, self._partitions)
        headers = dead_letter_headers(dead_letter)
        return Output(self._topics.dead_letters.name, place, dead_letter.key, encode(dead_letter), headers)

    def _dead_letter_record(
        self, stage: Stage, record: ConsumerRecord, position: SourcePosition | None, error: str, reason: Reason
    ) -> DeadLetterRecord:
        body, body_bytes, sha256 = cut(record.value or b"")
        return DeadLetterRecord(
            stage=stage,
            error=error[-MAX_ERROR_CHARACTERS:],
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            position=position,
            key=record.key and record.key[:MAX_KEY_BYTES],
            body=body,
            body_bytes=body_bytes,
            sha256=sha256,
            worker=self._worker,
            failed_at=self._clock.now(),
            reason=reason,
            tried=error != UNTRIED,
            headers=own_headers(record.headers),
            last_offset=record.value.last_offset if isinstance(record.value, RefusedBytes) else None,
        )

    def dead_letter_decision(
        self, stage: Stage, position: SourcePosition, subject: Subject, error: str, traceparent: str | None = None
    ) -> Output:
        decided = Decided(Reason.DEAD_LETTER, {"error": summary_of(error)})
        return self.decision(stage, position, decided, subject, RecordContext(traceparent=traceparent))


def _about(subject: Subject) -> dict[str, Any]:
    """The fields of a decision that say which event it is about."""
    return {
        "read_at": subject.read_at,
        "occurred_at": subject.occurred_at,
        "event_id": subject.event_id,
        "user_id": subject.user_id,
        "merchant_id": subject.merchant_id,
        "event_type": subject.event_type,
        "timezone": subject.timezone,
        "locale": subject.locale,
        "merchant_name": subject.merchant_name,
    }
