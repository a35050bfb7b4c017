"""Memory of a stage while the first record of its partition waits, and everything behind it is finished.

The real stage runner with the work of `query_coupons`, without Kafka: time is compressed. First one record holds back
all that is offered, without a bound; then records hold it back in turn, each until the bound stops the intake.

python -m benchmarks.held_head
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Hashable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

import click
from aiokafka import ConsumerRecord
from faust.types import TP, Message
from rich.console import Console
from rich.table import Table

from benchmarks.contenders.measure import resident_mib
from saving_alerts.adapters.in_memory_metrics import InMemoryMetrics
from saving_alerts.delivery.addressing import Addressed
from saving_alerts.delivery.flow_control import Message as BatchMessage
from saving_alerts.delivery.in_flight import InFlightLimits
from saving_alerts.delivery.outcome_writer import Forwarding, OutcomeWriter
from saving_alerts.delivery.outputs import Output, Undelivered
from saving_alerts.delivery.poison_pills.detector import PoisonPillDetector
from saving_alerts.delivery.producer import OutputProducer
from saving_alerts.delivery.record_builder import RecordBuilder
from saving_alerts.delivery.record_work import RecordWork
from saving_alerts.delivery.services import StageServices
from saving_alerts.delivery.stage_runner import StageRunner
from saving_alerts.domain.decisions import Stage, Subject
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.codecs import Envelope
from saving_alerts.kafka.topics import Topics
from saving_alerts.pipeline.outcomes import Forward, Outcome
from saving_alerts.settings import Settings
from saving_alerts.worker.clock import SystemClock
from tests.support.fakes.metadata_store import FakeMetadataStore

PARTITION = TP("saving-alerts.validated", 0)
TOPICS = Topics.named("saving-events", "saving-alerts")
RECORD_BYTES = 700  # of a validated event, about
BATCH_RECORDS = 10  # small batches: what is kept for each counts most
MIB_BYTES = 1024 * 1024
FLAT_MIB = 16.0
SHOWN_ROWS = 10
UNBOUNDED = 10**12


@dataclass(slots=True)
class Event:
    """One batch, as Faust hands it to an agent."""

    value: list[ConsumerRecord]
    message: BatchMessage
    acknowledged: list[int]

    def ack(self) -> bool:
        self.acknowledged.append(cast("Message", self.message).offset)
        return True


def message_of(partition: TP, last_offset: int) -> BatchMessage:
    """Faust's message of one batch."""
    message = Message(*partition, last_offset, 0, 0, None, None, None, None, tp=partition, generation_id=1)
    return cast("BatchMessage", message)


class Intake:
    """The consumer's flow control."""

    def __init__(self) -> None:
        self.is_stopped = False

    def is_current(self, message: BatchMessage) -> bool:  # noqa: ARG002 - as the consumer's
        return True

    def stop(self, partition: Hashable) -> None:  # noqa: ARG002 - as the consumer's
        self.is_stopped = True

    def resume(self, partition: Hashable) -> None:  # noqa: ARG002 - as the consumer's
        self.is_stopped = False


class Kafka:
    """Has everything at once."""

    async def deliver(self, outputs: Iterable[Output]) -> list[Undelivered]:  # noqa: ARG002 - as the producer's
        return []


@dataclass
class Held:
    """The records whose step waits, by their offsets."""

    waiting: dict[int, asyncio.Event] = field(default_factory=dict)

    async def step(self, offset: int) -> Outcome[int]:
        if offset in self.waiting:
            await self.waiting[offset].wait()
        return Forward(offset)

    def hold(self, offset: int) -> None:
        self.waiting[offset] = asyncio.Event()

    def let_go(self) -> None:
        for each in self.waiting.values():
            each.set()
        self.waiting.clear()


class World:
    """One stage over one partition."""

    def __init__(self, limits: InFlightLimits) -> None:
        self.held, self.intake, self.acknowledged = Held(), Intake(), list[int]()
        self.offset = 0
        clock, metrics = SystemClock(), InMemoryMetrics()
        builder = RecordBuilder(TOPICS, "worker-1", clock, metrics, lambda: "rules-1", 1)
        forwarding = Forwarding(TOPICS.candidates.name, _to_next)
        writer: OutcomeWriter[int, int] = OutcomeWriter(Stage.QUERY_COUPONS, builder, _decode, _address, forwarding)
        services = StageServices(
            record_builder=builder,
            producer=cast("OutputProducer", Kafka()),
            flow_control=self.intake,
            detector=PoisonPillDetector(FakeMetadataStore()),
            metrics=metrics,
            clock=clock,
            limits=limits,
        )
        step = cast("Callable[[int], Awaitable[Outcome[int]]]", self.held.step)
        self.stage = StageRunner(writer, services, RecordWork(writer, services, step))

    async def offer(self) -> None:
        """One batch, and time to work on it."""
        records = [_record(offset) for offset in range(self.offset, self.offset + BATCH_RECORDS)]
        self.offset += BATCH_RECORDS
        self.stage.take(Event(records, message_of(PARTITION, self.offset - 1), self.acknowledged))
        del records
        while self.stage.in_flight > len(self.held.waiting):  # noqa: ASYNC110 - the tasks tell nobody
            await asyncio.sleep(0)

    @property
    def uncommitted(self) -> int:
        return sum(each.uncommitted for each in self.stage.held_back())


def _record(offset: int) -> ConsumerRecord:
    value = b"%d" % offset + os.urandom(8) + bytes(RECORD_BYTES)
    return ConsumerRecord(*PARTITION, offset, 0, 0, b"u-%d" % offset, value, 0, 0, 0, ())


def _decode(record: ConsumerRecord, _: datetime) -> int:
    return int(record.offset)


def _address(offset: int) -> Addressed:
    return Addressed(SourcePosition("saving-events", 0, offset), Subject(event_id="e", user_id="u"), None)


def _to_next(offset: int) -> tuple[str, Envelope]:
    return "u", Envelope(SourcePosition("saving-events", 0, offset), "e", SystemClock().now())


Sample = tuple[int, int, int, float]  # offered, uncommitted, acknowledged batches, RSS in MiB


async def without_a_bound(records: int) -> list[Sample]:
    """One head holds back everything that is offered."""
    world = World(InFlightLimits(2_000, 8 * MIB_BYTES, UNBOUNDED, UNBOUNDED))
    world.held.hold(0)
    return await _offered(world, records)


async def with_the_bound(records: int) -> list[Sample]:
    """A head holds back what follows it until the intake is stopped; then it ends, and the next record is held."""
    world = World(_default_limits())
    world.held.hold(0)
    return await _offered(world, records)


async def _offered(world: World, records: int) -> list[Sample]:
    samples = []
    for number in range(records // BATCH_RECORDS):
        await world.offer()
        if world.intake.is_stopped:
            await _next_head(world)
        if number % (records // BATCH_RECORDS // SHOWN_ROWS) == 0 or world.offset == records:
            samples.append((world.offset, world.uncommitted, len(world.acknowledged), _rss_mib()))
    await _next_head(world)
    return samples


async def _next_head(world: World) -> None:
    world.held.let_go()
    while world.stage.in_flight:  # noqa: ASYNC110 - the tasks tell nobody
        await asyncio.sleep(0)
    world.held.hold(world.offset)


def _default_limits() -> InFlightLimits:
    names = ("window_max_records", "in_flight_max_bytes", "uncommitted_max_records", "uncommitted_max_bytes")
    return InFlightLimits(*(int(Settings.model_fields[name].default) for name in names))


def _rss_mib() -> float:
    return resident_mib(os.getpid())["VmRSS"]


@click.command()
@click.option("--records", default=250_000, show_default=True, help="offered in each run")
def main(records: int) -> None:
    """Show memory over what is offered, and end with 1 if it grows."""
    is_flat = True
    for title, run in (("one head, no bound", without_a_bound), ("heads in turn, the bound", with_the_bound)):
        samples = asyncio.run(run(records))
        table = Table("offered", "uncommitted", "batches acknowledged", "RSS MiB", title=title)
        for offered, uncommitted, acknowledged, rss_mib in samples:
            table.add_row(f"{offered:,}", f"{uncommitted:,}", f"{acknowledged:,}", f"{rss_mib:.1f}")
        Console().print(table)
        # The first sample stands before anything has run: code and caches come with the first batches.
        is_flat = is_flat and samples[-1][-1] - samples[1][-1] <= FLAT_MIB
    sys.exit(not is_flat)


if __name__ == "__main__":
    main()
