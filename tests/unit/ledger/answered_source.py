"""A source of many records and the ledger that covers them, written in bulk: what workers leave behind.

One event in ten is a trigger and has a decision, one trigger in 25 was pushed; the others are in the receipts of
batches as small as they are at the usual rate.
"""

import asyncio
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from confluent_kafka import KafkaError, Message, Producer

from saving_alerts.delivery.outputs import Output
from saving_alerts.delivery.record_builder import RecordBuilder
from saving_alerts.domain.decisions import Stage, Subject
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.pipeline.outcomes import Decided
from saving_alerts.worker.clock import SystemClock
from tests.support.fakes.metrics import RecordingMetrics
from tests.support.recorded_deployment import RecordedDeployment

BATCH_RECORDS = 4
TRIGGER_EVERY = 10
PUSHED_EVERY = 250
FLUSH_TIMEOUT_SECONDS = 120
POLL_SECONDS = 0.05
EVENT = b'{"type":"app_opened","padding":"' + b"." * 350 + b'"}'
Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class AnsweredSource:
    """`offsets` records on each of the `partitions` of a deployment's source, all committed.

    `left_out` are the places, by partition and offset, of which the ledger knows nothing.
    """

    deployment: RecordedDeployment
    partitions: int
    offsets: int
    left_out: Collection[Place] = ()

    def write(self) -> None:
        """Return when all of it is on Kafka, committed by the group of the deployment."""
        with _Bulk(self.deployment.bootstrap_servers) as bulk:
            for partition in range(self.partitions):
                for _ in range(self.offsets):
                    bulk.write(Output(self.deployment.topics.source.name, partition, b"phone", EVENT))
            for output in self._ledger():
                bulk.write(output)
        asyncio.run(self._commit())

    async def _commit(self) -> None:
        await self.deployment.commit(self.deployment.topics.source, dict.fromkeys(range(self.partitions), self.offsets))
        for topic in self.deployment.topics.next_stage.values():
            await self.deployment.commit(topic, dict.fromkeys(range(self.partitions), 0))

    def _ledger(self) -> Iterator[Output]:
        record_builder = RecordBuilder(
            self.deployment.topics, "w-1", SystemClock(), RecordingMetrics(), lambda: "f00dfeedf00d", self.partitions
        )
        for start in range(0, self.offsets, BATCH_RECORDS):
            for partition in range(self.partitions):
                yield from self._batch(
                    record_builder, partition, range(start, min(start + BATCH_RECORDS, self.offsets))
                )

    def _batch(self, record_builder: RecordBuilder, partition: int, offsets: range) -> Iterator[Output]:
        written = [offset for offset in offsets if (partition, offset) not in self.left_out]
        for offset in filter(is_trigger, written):
            position = SourcePosition(self.deployment.topics.source.name, partition, offset)
            yield record_builder.decision(Stage.DISPATCH_PUSH, position, _decided(offset), _subject(partition, offset))
        if covered := [offset for offset in written if not is_trigger(offset)]:
            yield record_builder.receipt(self.deployment.topics.source.name, partition, covered)


def is_trigger(offset: int) -> bool:
    return offset % TRIGGER_EVERY == 0


def _decided(offset: int) -> Decided:
    if offset % PUSHED_EVERY == 0:
        return Decided(Reason.PUSHED, {"status": 201, "attempts": ["accepted"]})
    return Decided(Reason.CAPPED, {"cap": "1 per user in 24 h", "until": "2026-11-24T10:15:03.004Z", "asked": False})


def _subject(partition: int, offset: int) -> Subject:
    number = f"{partition}-{offset}"
    now = datetime.now(UTC)
    return Subject(
        event_id=f"event-{number}",
        user_id=f"user-{number}",
        merchant_id="m-123",
        event_type="geofence_entered",
        occurred_at=now,
        read_at=now,
    )


class _Bulk:
    """A producer that takes records as fast as Kafka does. The block ends when Kafka has them all."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._producer = Producer({"bootstrap.servers": bootstrap_servers, "linger.ms": 50, "acks": "all"})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if left := self._producer.flush(FLUSH_TIMEOUT_SECONDS):
            raise TimeoutError(f"{left} records were not written")

    def write(self, output: Output) -> None:
        while True:
            try:
                self._producer.produce(
                    output.topic, output.value, output.key, output.partition, on_delivery=_refuse_errors
                )
            except BufferError:
                self._producer.poll(POLL_SECONDS)
            else:
                return


def _refuse_errors(error: KafkaError | None, message: Message) -> None:
    if error is not None:
        raise RuntimeError(f"a record for {message.topic()} was not written: {error}")
