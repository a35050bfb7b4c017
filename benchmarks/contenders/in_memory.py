"""The stages of a worker in memory, and the same steps by hand: the contenders of `benchmarks.delivery`."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Protocol, cast

from aiokafka import ConsumerRecord
from faust.types import TP

from benchmarks import source
from benchmarks.contenders.measure import Job
from benchmarks.contenders.ours import build
from benchmarks.contenders.stage_work import StageWork
from benchmarks.held_head import TOPICS, Intake, message_of
from saving_alerts.delivery.flow_control import ConsumerFlowControl
from saving_alerts.delivery.outputs import Output, Undelivered
from saving_alerts.delivery.poison_pills.detector import PoisonPillDetector
from saving_alerts.delivery.producer import OutputProducer
from saving_alerts.delivery.stage_runner import StageRunner
from saving_alerts.domain.decisions import Stage
from saving_alerts.kafka.unpacking import Polled
from saving_alerts.worker.runtime import WorkerRuntime
from tests.support.fakes.metadata_store import FakeMetadataStore

BATCHES_IN_FLIGHT = 4

Batches = list[list[ConsumerRecord]]


class Contender(Protocol):
    async def work(self, stage: Stage, batches: Batches) -> list[Output]:
        """What the stage writes of all batches."""


class TakenAtOnce:
    """A producer whose records are on Kafka a turn of the loop later."""

    def __init__(self) -> None:
        self.written: list[Output] = []

    async def partition_count(self, topic: str) -> int:  # noqa: ARG002 - as the producer's
        return source.PARTITIONS

    async def deliver(self, outputs: Iterable[Output]) -> list[Undelivered]:
        self.written += outputs
        await asyncio.sleep(0)
        return []


class BatchEvent:
    """One batch, as an agent gets it."""

    def __init__(self, records: list[ConsumerRecord], acked: asyncio.Semaphore) -> None:
        self.value: list[ConsumerRecord] = _polled(records)
        self.message = message_of(TP(records[-1].topic, records[-1].partition), records[-1].offset)
        self._acked = acked

    def ack(self) -> bool:
        self._acked.release()
        return True


class Ours:
    """The stages of a worker, as it builds them."""

    def __init__(self, stages: Mapping[Stage, StageRunner], producer: TakenAtOnce) -> None:
        self._stages = stages
        self._producer = producer

    @classmethod
    async def opened(cls) -> "Ours":
        runtime, producer = _runtime(), TakenAtOnce()
        runtime.producer = cast("OutputProducer", producer)
        runtime.flow_control = cast("ConsumerFlowControl", Intake())  # only a few batches are in flight
        runtime.detector = PoisonPillDetector(FakeMetadataStore())
        await runtime.open()
        if runtime.opened is None:
            raise RuntimeError("the stages were not built")
        await runtime.opened.loader.wait_until_loaded(1)
        return cls(runtime.stages, producer)

    async def work(self, stage: Stage, batches: Batches) -> list[Output]:
        acked = asyncio.Semaphore(BATCHES_IN_FLIGHT)
        for batch in batches:
            await acked.acquire()
            self._stages[stage].take(BatchEvent(batch, acked))
        for _ in range(BATCHES_IN_FLIGHT):
            await acked.acquire()
        written, self._producer.written = self._producer.written, []
        return written


class ByHand:
    """The same steps and records, one call after the other."""

    def __init__(self) -> None:
        self._work = StageWork(TOPICS, "by-hand")
        self._producer = TakenAtOnce()

    async def work(self, stage: Stage, batches: Batches) -> list[Output]:
        for batch in batches:
            await self._producer.deliver((await self._work.work(stage, batch)).outputs)
        written, self._producer.written = self._producer.written, []
        return written


def _polled(records: list[ConsumerRecord]) -> Polled:
    """As fetched records come: with their size, which was counted in the thread that fetches."""
    polled = Polled(records)
    polled.size_bytes = 1_000 * len(records)
    return polled


def _runtime() -> WorkerRuntime:
    job = Job(
        contender="ours",
        stages=tuple(Stage),
        bootstrap_servers="127.0.0.1:1",
        source=TOPICS.source.name,
        prefix="saving-alerts",
        events=0,
        report="",
    )
    return build(job, web_port=6066).runtime
