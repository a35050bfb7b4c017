"""What becomes of a record, as records: forwarded values, decisions, receipts and dead letters."""

from collections.abc import Callable, Sequence

from aiokafka import ConsumerRecord

from saving_alerts.delivery.producer import Output
from saving_alerts.domain.decisions import Decision, Receipt, Stage, Subject, decision_id, ranges_of
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.client import partition_of
from saving_alerts.kafka.codecs import MAX_KEY_BYTES, DeadLetterRecord, Envelope, cut, encode, own_headers, summary_of
from saving_alerts.kafka.topics import Topics
from saving_alerts.metrics import Metric, Metrics
from saving_alerts.pipeline.outcomes import Decided
from saving_alerts.ports.clock import Clock

MAX_ERROR_CHARACTERS = 8_000
UNTRIED = "not tried: it killed the worker, or an operator skipped it"


class RecordBuilder:
    """Writes for one worker. `partitions` is how many every topic has."""

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

    def forward(self, topic: str, user_id: str, envelope: Envelope, value: object) -> Output:
        key = user_id.encode()
        return Output(topic, self.partition_of(key), key, encode(value), envelope.headers())

    def decision(self, stage: Stage, position: SourcePosition, decided: Decided, subject: Subject) -> Output:
        decision = Decision(
            decision_id=decision_id(position, decided.reason),
            position=position,
            stage=stage,
            reason=decided.reason,
            decided_at=self._clock.now(),
            worker=self._worker,
            read_at=subject.read_at,
            occurred_at=subject.occurred_at,
            event_id=subject.event_id,
            user_id=subject.user_id,
            merchant_id=subject.merchant_id,
            event_type=subject.event_type,
            details=dict(decided.details),
            versions=decided.versions,
        )
        key = (subject.user_id or str(position)).encode()
        return Output(self._topics.decisions.name, self.partition_of(key), key, encode(decision))

    def receipt(self, topic: str, partition: int, offsets: Sequence[int]) -> Output:
        """One record for all source offsets of a batch that were no triggers."""
        receipt = Receipt(
            topic=topic,
            partition=partition,
            ranges=ranges_of(offsets),
            decided_at=self._clock.now(),
            worker=self._worker,
            rules_version=self._rules_version(),
        )
        key = f"{topic}/{partition}".encode()
        return Output(self._topics.decisions.name, partition, key, encode(receipt))

    def dead_letter(
        self,
        stage: Stage,
        record: ConsumerRecord,
        position: SourcePosition | None,
        error: str,
        reason: Reason = Reason.DEAD_LETTER,
    ) -> Output:
        """The record's bytes as they came, cut, with what is needed to find and replay the whole of it."""
        self._metrics.count(Metric.DEAD_LETTERS, stage=stage)
        body, body_bytes, sha256 = cut(record.value or b"")
        key = record.key and record.key[:MAX_KEY_BYTES]
        dead_letter = DeadLetterRecord(
            stage=stage,
            error=error[-MAX_ERROR_CHARACTERS:],
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            position=position,
            key=key,
            body=body,
            body_bytes=body_bytes,
            sha256=sha256,
            worker=self._worker,
            failed_at=self._clock.now(),
            reason=reason,
            tried=error != UNTRIED,
            headers=own_headers(record.headers),
        )
        return Output(self._topics.dead_letters.name, record.partition, key, encode(dead_letter))

    def dead_letter_decision(self, stage: Stage, position: SourcePosition, subject: Subject, error: str) -> Output:
        return self.decision(stage, position, Decided(Reason.DEAD_LETTER, {"error": summary_of(error)}), subject)
