"""The contender `bare`: a loop around aiokafka's `getmany`, written by hand for this benchmark and nothing else.

Each fetch is handled, its outputs are sent in batches and awaited, then it is committed. There is no limit in flight,
no drain, no dead letter for an unexpected error, no metrics, and one failed request ends it.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder

from benchmarks.contenders.measure import Counts, Job, measure
from benchmarks.contenders.stage_work import StageWork
from saving_alerts.delivery.outputs import Output
from saving_alerts.kafka.topics import Topics

FETCH_BYTES = 1024 * 1024
OUTPUT_BATCH_BYTES = 512 * 1024
POLL_MILLISECONDS = 100
ROUND_MAX_RECORDS = 10_000


async def run(job: Job) -> None:
    """Work until the measurement ends, or until this process is killed."""
    topics, counts = Topics.named(job.source, job.prefix), Counts()
    async with _consumer(job, topics) as consumer, _producer(job) as producer, asyncio.TaskGroup() as group:
        loop = group.create_task(_work(consumer, producer, job, topics, counts))
        if job.events:
            await measure(job, lambda: counts)
            loop.cancel()


def _consumer(job: Job, topics: Topics) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        *(topics.inputs[stage].name for stage in job.stages),
        bootstrap_servers=job.bootstrap_servers,
        group_id=job.prefix,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=FETCH_BYTES,
    )


def _producer(job: Job) -> AIOKafkaProducer:
    return AIOKafkaProducer(
        bootstrap_servers=job.bootstrap_servers, acks="all", enable_idempotence=True, max_batch_size=OUTPUT_BATCH_BYTES
    )


async def _work(
    consumer: AIOKafkaConsumer, producer: AIOKafkaProducer, job: Job, topics: Topics, counts: Counts
) -> None:
    stage_work, stages = StageWork(topics, "bare"), {topics.inputs[stage].name: stage for stage in job.stages}
    while True:
        fetched = await consumer.getmany(timeout_ms=POLL_MILLISECONDS, max_records=ROUND_MAX_RECORDS)
        if not fetched:
            continue
        works = [
            (stages[partition.topic], records, await stage_work.work(stages[partition.topic], records))
            for partition, records in fetched.items()
        ]
        await _deliver(producer, (output for _, _, work in works for output in work.outputs))
        await consumer.commit()
        for stage, records, work in works:
            counts.note(stage, len(records), work.forwarded)


async def _deliver(producer: AIOKafkaProducer, outputs: Iterable[Output]) -> None:
    """Return when Kafka has them all."""
    by_partition: defaultdict[tuple[str, int], list[Output]] = defaultdict(list)
    for output in outputs:
        by_partition[output.topic, output.partition].append(output)
    await asyncio.gather(*(_send(producer, *partition, waiting) for partition, waiting in by_partition.items()))


async def _send(producer: AIOKafkaProducer, topic: str, partition: int, waiting: Sequence[Output]) -> None:
    sent = 0
    while sent < len(waiting):
        batch, begin = producer.create_batch(), sent
        while sent < len(waiting) and _append(batch, waiting[sent]):
            sent += 1
        if sent == begin:
            raise ValueError(f"a record of {waiting[sent].size_bytes} bytes does not fit")
        await (await producer.send_batch(batch, topic, partition=partition))


def _append(batch: BatchBuilder, output: Output) -> bool:
    appended = batch.append(key=output.key, value=output.value, timestamp=None, headers=list(output.headers))
    return appended is not None
