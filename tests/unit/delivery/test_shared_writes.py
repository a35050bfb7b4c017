"""What needs no hurry of several small batches is written together, and acknowledged after that."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from aiokafka import ConsumerRecord

from saving_alerts.delivery.flow_control import Message
from saving_alerts.delivery.in_flight import InFlightBatch
from saving_alerts.delivery.poison_pills.detector import PoisonPillDetector
from saving_alerts.delivery.record_results import BatchResult, RecordResult
from saving_alerts.delivery.shared_writes import ENOUGH_RECORDS, Ended, SharedWrites, by_partition, in_two
from saving_alerts.delivery.uncommitted import Batch, Taken
from saving_alerts.domain.reasons import Reason
from saving_alerts.metrics import FORWARDED
from tests.support.fakes.metadata_store import FakeMetadataStore

pytestmark = pytest.mark.asyncio

PATIENCE_SECONDS = 5
LONG_SECONDS = 3_600
PARTITION = ("saving-events", 0)
DETECTOR = PoisonPillDetector(FakeMetadataStore(), lambda _: None)


@dataclass
class NoMessage:
    tp: Hashable = ("saving-events", 0)
    generation_id: int = 0
    acked: bool = False


@dataclass
class NoEvent:
    value: list[ConsumerRecord] = field(default_factory=list)

    @property
    def message(self) -> Message:
        return NoMessage()

    def ack(self) -> bool:
        return True


def record(partition: int, offset: int) -> ConsumerRecord:
    return ConsumerRecord("saving-events", partition, offset, offset, 0, b"", b"", None, 0, 0, ())


def ended(partition: int, *offsets: int) -> Ended:
    batch: Taken = InFlightBatch(
        partition, Batch(NoEvent(), datetime.now(UTC), 0.0, 0), {}, len(offsets), 0, offsets[0], offsets[-1]
    )
    return Ended(batch, record(partition, offsets[0]), BatchResult([], offsets, (offsets[0], offsets[-1])))


@dataclass
class Stage:
    """Starts tasks, and notes what is written together."""

    seconds: float
    written: list[Sequence[Ended]] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.shared = SharedWrites(self.seconds, DETECTOR, self._start, self._write)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        self.tasks.append(asyncio.create_task(work))

    async def _write(self, together: Sequence[Ended]) -> None:
        self.written.append(together)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - the tasks tell nobody
            await asyncio.sleep(0)


async def test_what_comes_meanwhile_is_written_together() -> None:
    stage, first, second = Stage(0.01), ended(0, 1), ended(1, 7)
    stage.shared.add(first)
    stage.shared.add(second)

    await until(lambda: bool(stage.written))

    assert stage.written == [[first, second]]


async def test_what_comes_later_is_written_later() -> None:
    stage, first, second = Stage(0.001), ended(0, 1), ended(0, 2)
    stage.shared.add(first)
    await until(lambda: bool(stage.written))

    stage.shared.add(second)

    await until(lambda: stage.written == [[first], [second]])


async def test_when_the_partitions_go_it_is_written_at_once_and_nothing_more_waits() -> None:
    stage, first = Stage(LONG_SECONDS), ended(0, 1)
    stage.shared.add(first)

    stage.shared.hurry()

    await until(lambda: stage.written == [[first]])
    assert not stage.shared.takes(BatchResult([], [2]), PARTITION)


async def test_in_a_new_assignment_it_waits_again() -> None:
    stage, second = Stage(0.001), ended(0, 2)
    stage.shared.hurry()

    stage.shared.resume()
    stage.shared.add(second)

    assert stage.shared.takes(BatchResult([], [2]), PARTITION)
    await until(lambda: stage.written == [[second]])


async def test_what_was_cancelled_with_its_assignment_is_not_written_in_the_next() -> None:
    stage, second = Stage(LONG_SECONDS), ended(0, 1)
    stage.shared.add(ended(0, 1))
    stage.tasks[0].cancel()
    await asyncio.wait(stage.tasks)

    stage.shared.resume()
    stage.shared.add(second)
    stage.shared.hurry()

    await until(lambda: stage.written == [[second]])


@pytest.mark.parametrize(
    ("seconds", "records"), [pytest.param(0, 1, id="no-time"), pytest.param(1, ENOUGH_RECORDS, id="enough-records")]
)
async def test_nothing_waits_without_time_or_need(seconds: float, records: int) -> None:
    assert not Stage(seconds).shared.takes(BatchResult([], range(records)), PARTITION)


async def test_the_receipts_of_a_partition_become_one() -> None:
    parts = {
        first.partition: (sorted(result.no_triggers), result.written_ms)
        for first, result in by_partition([ended(0, 1, 2), ended(1, 7), ended(0, 3)])
    }

    assert parts == {0: ([1, 2, 3], (1, 3)), 1: ([7], (7, 7))}


async def test_what_goes_on_is_kept_apart() -> None:
    on = RecordResult(record(0, 1), FORWARDED, [], None)
    no = RecordResult(record(0, 2), Reason.NO_CONSENT, [], None)

    going_on, rest = in_two(BatchResult([on, no], [3], (3, 3)))

    assert (going_on.results, list(going_on.no_triggers)) == ([on], [])
    assert (rest.results, list(rest.no_triggers), rest.written_ms) == ([no], [3], (3, 3))
