"""The contender `idiomatic`: agents as Faust's documentation writes them.

`take_events` is Faust's own way to take many events at a time; the outputs of a batch are sent with `topic.send` and
awaited, and Faust acknowledges the batch afterwards. Faust's other way, an event at a time, would write a receipt for
every event in place of one for many.
"""

import asyncio
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import faust
from faust.streams import Stream
from faust.types import EventT, StreamT

from benchmarks.contenders.measure import Counts, Job, measure
from benchmarks.contenders.stage_work import StageWork
from benchmarks.source import PARTITIONS
from saving_alerts.delivery.outputs import Output
from saving_alerts.domain.decisions import Stage
from saving_alerts.kafka.topics import Topics

BATCH_MAX_EVENTS = 500
BATCH_WITHIN_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class _Record:
    """A Faust event as a raw record."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    headers: Sequence[tuple[str, bytes]]

    @classmethod
    def of(cls, event: EventT[Any]) -> "_Record":
        found, headers = event.message, tuple(_pairs(event.message.headers))
        return cls(found.topic, found.partition, found.offset, found.key, found.value or b"", headers)


def build(job: Job, web_port: int) -> faust.App:
    """An app with one agent per stage."""
    app = faust.App(
        job.prefix,
        broker=f"kafka://{job.bootstrap_servers}",
        store="memory://",
        topic_partitions=PARTITIONS,
        topic_allow_declare=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        web_port=web_port,
        datadir=tempfile.mkdtemp(prefix="saving-alerts-idiomatic-"),
    )
    counts, topics = Counts(), Topics.named(job.source, job.prefix)
    writer, stage_work = _TopicWriter(app, topics), StageWork(topics, "idiomatic")
    for stage in job.stages:
        _add_agent(app, topics.inputs[stage].name, stage, stage_work, writer, counts)
    if job.events:
        app.task(lambda: measure(job, lambda: counts))
    return app


def _pairs(headers: Any) -> Iterable[tuple[str, bytes]]:  # noqa: ANN401 - Faust has them in several shapes
    return headers.items() if isinstance(headers, Mapping) else headers or ()


class _TopicWriter:
    """Writes with Faust's `Topic.send`."""

    def __init__(self, app: faust.App, topics: Topics) -> None:
        self._topics = {topic.name: _raw(app, topic.name) for topic in topics.partitioned}

    async def deliver(self, outputs: Sequence[Output]) -> None:
        """Return when Kafka has them all."""
        sent = [
            await self._topics[output.topic].send(
                key=output.key, value=output.value, partition=output.partition, headers=list(output.headers)
            )
            for output in outputs
        ]
        await asyncio.gather(*sent)


def _add_agent(
    app: faust.App, topic: str, stage: Stage, stage_work: StageWork, writer: _TopicWriter, counts: Counts
) -> None:
    @app.agent(_raw(app, topic), name=stage.value)
    async def agent(stream: StreamT[bytes]) -> None:
        taken = cast("Stream[bytes]", stream).take_events(BATCH_MAX_EVENTS, within=BATCH_WITHIN_SECONDS)
        async for events in taken:
            works = [await stage_work.work(stage, records) for records in _by_partition(events)]
            await writer.deliver([output for work in works for output in work.outputs])
            counts.note(stage, len(events), sum(work.forwarded for work in works))


def _by_partition(events: Sequence[EventT[Any]]) -> list[list[_Record]]:
    """Split by partition, because a receipt is for one partition."""
    found: defaultdict[int, list[_Record]] = defaultdict(list)
    for event in events:
        found[event.message.partition].append(_Record.of(event))
    return list(found.values())


def _raw(app: faust.App, name: str) -> faust.TopicT:
    return app.topic(name, key_serializer="raw", value_serializer="raw")
