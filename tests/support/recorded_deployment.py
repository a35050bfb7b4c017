"""The topics of a deployment with records, decisions and commits that a test writes, in place of workers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from saving_alerts.domain.coupons import Candidate
from saving_alerts.domain.decisions import Decision, Receipt, Stage, decision_id
from saving_alerts.domain.events import SavingEvent
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.client import partition_of
from saving_alerts.kafka.codecs import DeadLetterRecord, Envelope, encode
from saving_alerts.kafka.topics import Topic, Topics

PARTITIONS = 4


@dataclass
class RecordedDeployment:
    """One deployment, called `name`, on the Kafka at `bootstrap_servers`, whose topics have four partitions."""

    bootstrap_servers: str
    name: str
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def topics(self) -> Topics:
        return Topics.named(f"{self.name}-events", self.name)

    @property
    def environment(self) -> dict[str, str]:
        """The settings of the commands. Only Kafka is there: the commands use nothing else."""
        return {
            "SAVING_ALERTS_KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "SAVING_ALERTS_APP_ID": self.name,
            "SAVING_ALERTS_SOURCE_TOPIC": self.topics.source.name,
            "SAVING_ALERTS_TOPIC_PREFIX": self.name,
            "SAVING_ALERTS_REDIS_URL": "redis://127.0.0.1:1/0",
            "SAVING_ALERTS_S3_BUCKET": "nowhere",
            "SAVING_ALERTS_COUPON_API_URL": "http://127.0.0.1:1",
            "SAVING_ALERTS_PUSH_API_URL": "http://127.0.0.1:1",
        }

    async def create_topics(self) -> None:
        """The embedded Kafka creates a topic when a producer asks for its partitions."""
        async with self._producer() as producer:
            for topic in self.topics.all:
                await producer.partitions_for(topic.name)

    async def produce(self, count: int, partition: int = 0) -> None:
        """Write so many records to the source."""
        await self.produce_events(*[b"{}"] * count, partition=partition)

    async def produce_events(self, *events: SavingEvent | bytes, partition: int = 0) -> None:
        """Write records to the source, in this order."""
        async with self._producer() as producer:
            for event in events:
                value = event if isinstance(event, bytes) else encode(event)
                await producer.send_and_wait(self.topics.source.name, value, partition=partition)

    async def produce_to(self, topic: Topic, *offsets: int, partition: int = 0) -> None:
        """Write events of the source to an internal topic; their values cannot be decoded."""
        async with self._producer() as producer:
            for offset in offsets:
                envelope = Envelope(self.position(offset, partition), f"e-{offset}", self.started)
                await producer.send_and_wait(topic.name, b"?", partition=partition, headers=list(envelope.headers()))

    async def write_decisions(self, *entries: Decision | Receipt | bytes) -> None:
        """Write decisions and receipts, keyed and partitioned as workers do it."""
        async with self._producer() as producer:
            for entry in entries:
                key, partition = _address(entry)
                value = entry if isinstance(entry, bytes) else encode(entry)
                await producer.send_and_wait(self.topics.decisions.name, value, key=key, partition=partition)

    async def write_candidates(self, *candidates: Candidate) -> None:
        """As the stage `query_coupons` writes them."""
        async with self._producer() as producer:
            for candidate in candidates:
                validated = candidate.validated
                key = validated.event.user_id.encode()
                headers = list(Envelope(validated.position, validated.event.event_id, validated.deadline).headers())
                topic, partition = self.topics.candidates.name, partition_of(key, PARTITIONS)
                await producer.send_and_wait(topic, encode(candidate), key=key, partition=partition, headers=headers)

    async def write_dead_letters(self, *dead_letters: DeadLetterRecord | bytes, partition: int = 0) -> None:
        """Write dead letters, as workers do it."""
        async with self._producer() as producer:
            for dead_letter in dead_letters:
                value = dead_letter if isinstance(dead_letter, bytes) else encode(dead_letter)
                await producer.send_and_wait(self.topics.dead_letters.name, value, partition=partition)

    async def records_on(self, topic: Topic, partition: int) -> list[ConsumerRecord]:
        """All records that are in the partition now."""
        at = TopicPartition(topic.name, partition)
        async with AIOKafkaConsumer(bootstrap_servers=self.bootstrap_servers, auto_offset_reset="earliest") as consumer:
            consumer.assign([at])
            end = (await consumer.end_offsets([at]))[at]
            return [await consumer.getone() for _ in range(end)]

    async def commit(self, topic: Topic, offsets: Mapping[int, int]) -> None:
        """As the workers' group."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap_servers, group_id=self.name, enable_auto_commit=False
        )
        async with consumer:
            commits = {TopicPartition(topic.name, number): offset for number, offset in offsets.items()}
            consumer.assign(list(commits))
            await consumer.commit(commits)

    def position(self, offset: int, partition: int = 0) -> SourcePosition:
        return SourcePosition(self.topics.source.name, partition, offset)

    def decision(
        self, offset: int, reason: Reason, user: str | None = "u-1", *, seconds: int = 0, **details: object
    ) -> Decision:
        """Decided `seconds` after `started`."""
        return Decision(
            decision_id=decision_id(self.position(offset), reason),
            position=self.position(offset),
            stage=Stage.DISPATCH_PUSH,
            reason=reason,
            occurred_at=datetime(2026, 11, 23, 10, 15, 2, tzinfo=UTC) + timedelta(minutes=offset),
            decided_at=self.started + timedelta(seconds=seconds),
            worker="w-1",
            event_id=f"e-{offset}",
            user_id=user,
            merchant_id="m-123",
            event_type="geofence_entered",
            details=dict(details),
        )

    def dead_letter(self, offset: int, **changes: object) -> DeadLetterRecord:
        """Of an event of the first partition that failed at `query_coupons`, with changes."""
        envelope = Envelope(self.position(offset), f"e-{offset}", self.started + timedelta(minutes=10))
        dead_letter = DeadLetterRecord(
            stage=Stage.QUERY_COUPONS,
            error="Traceback (most recent call last):\n  somewhere\nKeyError: 'discount'\n",
            topic=self.topics.validated.name,
            partition=2,
            offset=offset,
            position=envelope.position,
            key=b"u-1",
            body=b'{"event": "it"}',
            body_bytes=15,
            sha256=f"a1b2{offset}",
            worker="w-1",
            failed_at=self.started,
            headers=envelope.headers(),
        )
        return msgspec.structs.replace(dead_letter, **changes)

    def receipt(self, *ranges: tuple[int, int], partition: int = 0) -> Receipt:
        return Receipt(
            topic=self.topics.source.name, partition=partition, ranges=ranges, decided_at=self.started, worker="w-1"
        )

    def _producer(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(bootstrap_servers=self.bootstrap_servers, acks="all")


def _address(entry: Decision | Receipt | bytes) -> tuple[bytes, int]:
    if isinstance(entry, Receipt):
        return f"{entry.topic}/{entry.partition}".encode(), entry.partition
    key = b"?" if isinstance(entry, bytes) else (entry.user_id or str(entry.position)).encode()
    return key, partition_of(key, PARTITIONS)
