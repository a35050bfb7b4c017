"""Records on their way out: sent in batches, awaited until all in-sync replicas have them.

`await topic.send()` of a framework means "in a buffer"; here `deliver` returns when Kafka has the records. Each target
partition has a queue: records leave it in the order they came, many at a time, one batch under way.

An error that Kafka calls retriable is retried for ever, and so is a missing right, for which no record is to blame:
meanwhile the intake stops at what may be in flight, and lag grows on Kafka. Any other error fails the record it belongs
to, and that record alone; the caller makes a dead letter of it.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidProducerEpoch,
    KafkaError,
    KafkaTimeoutError,
    OutOfOrderSequenceNumber,
    ProducerClosed,
    ProducerFenced,
    UnknownProducerId,
)
from aiokafka.producer.message_accumulator import BatchBuilder
from mode import Service

from saving_alerts.delivery.outputs import Output, Undelivered
from saving_alerts.delivery.partition_queue import PartitionQueue, PendingDelivery, Waiting, live
from saving_alerts.kafka.refusals import UNAUTHORIZED, in_words
from saving_alerts.metrics import Metric, Metrics

log = logging.getLogger(__name__)

# Brokers take 1 MiB by default, of which the batch's own bytes and the record's lengths are a part.
MAX_RECORD_BYTES = 1_000_000
GATHER_SECONDS = 0.005
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
# After these the idempotent producer's sequence is lost: a new producer gets a new one.
SEQUENCE_LOST = (
    InvalidProducerEpoch,
    OutOfOrderSequenceNumber,
    ProducerClosed,
    ProducerFenced,
    UnknownProducerId,
)


class OutputProducer(Service):
    """Writes our records. It is started before the consumer and stopped after it, so it outlives the last commit."""

    def __init__(self, create: Callable[[], AIOKafkaProducer], metrics: Metrics) -> None:
        super().__init__()
        self._create = create
        self._metrics = metrics
        self._queues: dict[tuple[str, int], PartitionQueue] = {}
        self._renewal = asyncio.Lock()
        self._producer: AIOKafkaProducer | None = None

    async def on_start(self) -> None:
        self._producer = self._create()
        await self._producer.start()

    async def on_stop(self) -> None:
        if self._producer is not None:
            await self._producer.stop()

    @property
    def waiting(self) -> int:
        """How many records wait for their turn; those under way are not among them."""
        return sum(len(queue.waiting) for queue in self._queues.values())

    async def partition_count(self, topic: str) -> int:
        """How many partitions the topic has, from the brokers."""
        return len(await self._open_producer().partitions_for(topic))

    async def deliver(self, outputs: Iterable[Output]) -> list[Undelivered]:
        """Write the records and wait until Kafka has them. Returns those that it will never take.

        Cancelled, it writes none of those that are not under way, and tries none again.
        """
        records = list(outputs)
        if not records:
            return []
        delivery = PendingDelivery(len(records), asyncio.get_running_loop().create_future())
        for output in records:
            self._enqueue(output, delivery)
        try:
            await delivery.done
        except asyncio.CancelledError:
            for output in records:
                if queue := self._queues.get((output.topic, output.partition)):
                    queue.abandon_one()
            raise
        return delivery.undelivered

    def _enqueue(self, output: Output, delivery: PendingDelivery) -> None:
        if output.size_bytes > MAX_RECORD_BYTES:
            error = ValueError(f"{output.size_bytes} bytes for {output.topic}, at most {MAX_RECORD_BYTES} fit")
            delivery.finish(output, error)
            return
        queue = self._queues.get((output.topic, output.partition))
        if queue is None:
            queue = self._queues[output.topic, output.partition] = PartitionQueue(output.topic, output.partition)
        queue.waiting.append((output, delivery))
        if queue.task is None:
            queue.task = asyncio.create_task(self._run(queue), name=f"queue {queue.topic}-{queue.partition}")

    async def _run(self, queue: PartitionQueue) -> None:
        try:
            while queue.waiting:
                await self._send(queue, *self._take(queue))
                if queue.waiting:  # it is a busy one: with more at a time a record costs less
                    await asyncio.sleep(GATHER_SECONDS)
        finally:
            queue.task = None

    def _take(self, queue: PartitionQueue) -> tuple[list[Waiting], BatchBuilder]:
        """As many waiting records as one batch holds, none if nobody waits for any; and that batch."""
        batch: BatchBuilder = self._open_producer().create_batch()
        taken: list[Waiting] = []
        while queue.waiting and (queue.waiting[0][1].is_abandoned or _append(batch, queue.waiting[0][0])):
            taken.append(queue.waiting.popleft())
        return list(live(taken)), batch

    async def _send(self, queue: PartitionQueue, taken: list[Waiting], batch: BatchBuilder | None = None) -> None:
        error = await self._try_for_ever(queue, taken, batch)
        if error is not None and len(taken) > 1:
            for alone in taken:  # one of them is to blame: each is tried alone, the others are not to suffer
                await self._send(queue, list(live([alone])))
            return
        for output, delivery in taken:
            delivery.finish(output, error)

    async def _try_for_ever(
        self, queue: PartitionQueue, taken: list[Waiting], batch: BatchBuilder | None
    ) -> Exception | None:
        """None once Kafka has them, or nobody waits for any; an error when trying again is pointless.

        A batch is good for one attempt.
        """
        pause = FIRST_PAUSE_SECONDS
        while taken:
            producer = self._open_producer()
            try:
                ready = batch or _batch(producer, (output for output, _ in taken))
                await (await producer.send_batch(ready, queue.topic, partition=queue.partition))
            except Exception as error:  # noqa: BLE001 - an error of ours must fail its record, not the queue
                if not await self._can_try_again(queue, producer, error, pause):
                    return error
            else:
                return None
            batch = None
            self._metrics.count(Metric.DELIVERY_RETRIES, topic=queue.topic)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            taken = list(live(taken))
        return None

    async def _can_try_again(
        self, queue: PartitionQueue, producer: AIOKafkaProducer, error: Exception, pause: float
    ) -> bool:
        """Say what went wrong, and replace a producer that has lost its sequence."""
        if isinstance(error, SEQUENCE_LOST):
            log.warning("producing to %s-%s needs a new producer: %r", queue.topic, queue.partition, error)
            await self._renew(producer)
            return True
        if not _is_retriable(error):
            return False
        failed = "producing to %s-%s failed, again in %.1f s: %s"
        log.warning(failed, queue.topic, queue.partition, pause, in_words(error))
        return True

    async def _renew(self, broken: AIOKafkaProducer) -> None:
        """Replace the producer once, however many queues noticed. Without a broker the next attempt tries."""
        async with self._renewal:
            already_renewed = self._producer is not broken
            if already_renewed:
                return
            fresh = None
            try:
                fresh = self._create()  # it reads the authority's file, which may be gone
                await fresh.start()
            except (KafkaError, OSError) as error:  # a queue that ended here would leave its records waiting for ever
                log.warning("the new producer could not start: %r", error)
                if fresh is not None:
                    await fresh.stop()
                return
            self._producer = fresh
        await broken.stop()

    def _open_producer(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise RuntimeError("the output producer was not started")
        return self._producer


def _is_retriable(error: Exception) -> bool:
    """A timeout means here that the batch found no place in the queue, so nothing was sent."""
    return isinstance(error, (KafkaTimeoutError, *UNAUTHORIZED)) or (
        isinstance(error, KafkaError) and bool(error.retriable)
    )


def _batch(producer: AIOKafkaProducer, outputs: Iterable[Output]) -> BatchBuilder:
    batch = producer.create_batch()
    for output in outputs:
        _append(batch, output)
    return batch


def _append(builder: BatchBuilder, output: Output) -> bool:
    """False when the batch is full. A batch takes any first record."""
    return builder.append(key=output.key, value=output.value, timestamp=None, headers=list(output.headers)) is not None
