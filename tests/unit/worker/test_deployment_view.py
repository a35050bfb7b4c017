"""What a worker sees of its deployment: dead workers stay in sight, and their counts stay counted."""

from collections.abc import AsyncIterator
from datetime import timedelta
from types import SimpleNamespace
from typing import cast

import msgspec
import pytest
import pytest_asyncio

from saving_alerts.dependencies import REDIS, State
from saving_alerts.domain.history import CountedByTime, Resolution, WorkerHistory
from saving_alerts.metrics import Metric
from saving_alerts.ports.heartbeats import REMEMBERED_FOR, WorkerRow
from saving_alerts.web.stats import PartitionLag
from saving_alerts.worker.deployment_view import GONE_SHOWN, DeploymentView
from saving_alerts.worker.partition_looks import Place, Places
from saving_alerts.worker.runtime import Opened
from tests.support.fakes.clock import START, FakeClock
from tests.support.fakes.heartbeats import FakeHeartbeats
from tests.support.fakes.unopened_app import unopened_app
from tests.support.until import until
from tests.support.worker_rows import a_row

pytestmark = pytest.mark.asyncio

LIVES_FOR = timedelta(seconds=6)
TOPIC = "saving-events"


class FakeHistories:
    def __init__(self) -> None:
        self.written: dict[str, WorkerHistory] = {}

    async def write(self, history: WorkerHistory) -> None:
        self.written[history.incarnation] = history

    async def read(self) -> tuple[WorkerHistory, ...]:
        return tuple(self.written.values())


class Watcher:
    """A worker that looks at the others of its deployment."""

    def __init__(self) -> None:
        app = unopened_app("worker-1")
        self.runtime = app.runtime
        self.clock = cast("FakeClock", self.runtime.clock)
        self.heartbeats, self.histories = FakeHeartbeats(self.clock), FakeHistories()
        ports = SimpleNamespace(heartbeats=self.heartbeats, histories=self.histories)
        self.runtime.opened = cast("Opened", SimpleNamespace(ports=ports, stages={}))
        self.places: Places = {}
        self.view = DeploymentView(self.runtime, lambda: [PartitionLag(TOPIC, 0, 3, 7)], self.look_at_kafka)

    async def look_at_kafka(self) -> Places:
        return self.places

    async def beat(self, row: WorkerRow) -> None:
        row = msgspec.structs.replace(row, beaten_at=self.clock.now())
        await self.heartbeats.beat(row, LIVES_FOR)

    async def look_after(self, duration: timedelta) -> None:
        self.clock.advance(duration)
        await self.view.look()

    @property
    def silent(self) -> list[str]:
        return [row.name for row in self.view.others.silent]

    @property
    def gone(self) -> list[str]:
        return [row.name for row in self.view.gone]


def worker(name: str, incarnation: str, started_at: timedelta = timedelta(0)) -> WorkerRow:
    row = msgspec.structs.replace(a_row(0, {}), name=name, incarnation=incarnation)
    return msgspec.structs.replace(row, started_at=START + started_at, owned={TOPIC: (1,)})


@pytest_asyncio.fixture
async def watcher() -> AsyncIterator[Watcher]:
    watcher = Watcher()
    yield watcher
    await watcher.view.close()


async def test_a_worker_that_ends_without_a_word_stays_in_sight_for_an_hour(watcher: Watcher) -> None:
    await watcher.beat(worker("worker-2", "b"))
    await watcher.look_after(LIVES_FOR)
    assert (watcher.silent, watcher.gone) == (["worker-2"], [])

    await watcher.look_after(REMEMBERED_FOR)
    assert (watcher.silent, watcher.gone) == ([], ["worker-2"])

    await watcher.look_after(GONE_SHOWN)
    assert watcher.gone == []


async def test_a_worker_that_leaves_is_not_missed(watcher: Watcher) -> None:
    await watcher.beat(worker("worker-2", "b"))
    await watcher.look_after(timedelta(seconds=2))
    await watcher.heartbeats.leave("b")
    await watcher.look_after(REMEMBERED_FOR)

    assert (watcher.silent, watcher.gone) == ([], [])


async def test_a_worker_that_was_started_again_is_not_missed(watcher: Watcher) -> None:
    await watcher.beat(worker("worker-2", "b"))
    await watcher.look_after(LIVES_FOR)
    await watcher.look_after(REMEMBERED_FOR)
    await watcher.beat(worker("worker-2", "c", REMEMBERED_FOR))
    await watcher.look_after(timedelta(seconds=1))

    assert watcher.gone == []


async def test_a_worker_does_not_miss_its_own_predecessor(watcher: Watcher) -> None:
    ours = watcher.runtime.settings.worker_name
    await watcher.beat(worker(ours, "before", -REMEMBERED_FOR))
    await watcher.look_after(LIVES_FOR)
    assert [row.name for row in watcher.view.others.silent] == [ours]
    assert watcher.view.silent == ()

    await watcher.look_after(REMEMBERED_FOR)

    assert watcher.gone == []


async def test_a_worker_that_was_started_again_is_not_missed_while_it_is_remembered(watcher: Watcher) -> None:
    await watcher.beat(worker("worker-2", "b"))
    await watcher.look_after(LIVES_FOR)
    assert [row.name for row in watcher.view.silent] == ["worker-2"]

    await watcher.beat(worker("worker-2", "c", LIVES_FOR))
    await watcher.look_after(timedelta(seconds=1))

    assert watcher.view.silent == ()


async def test_a_dead_workers_partitions_are_untaken_until_others_have_them_all(watcher: Watcher) -> None:
    await watcher.beat(worker("worker-2", "b"))
    await watcher.look_after(LIVES_FOR)
    assert [row.name for row in watcher.view.untaken({TOPIC: (0,)})] == ["worker-2"]
    assert watcher.view.untaken({TOPIC: (0, 1)}) == ()

    await watcher.beat(worker("worker-3", "c"))
    await watcher.look_after(timedelta(seconds=1))

    assert watcher.silent == ["worker-2"]
    assert watcher.view.untaken({}) == ()


async def test_what_the_dead_have_counted_is_counted(watcher: Watcher) -> None:
    dead = CountedByTime()
    dead.count("read", 5, START)
    await watcher.histories.write(dead.history("dead"))
    watcher.runtime.metrics.count(Metric.EVENTS_READ, 2)
    await watcher.histories.write(watcher.runtime.metrics_by_time.history(watcher.runtime.incarnation))
    await watcher.look_after(timedelta(seconds=1))

    counted = watcher.view.counted(watcher.clock.now())
    assert counted.counts(Resolution.COARSE, 60)["read"] == 7  # our own once


async def test_all_partitions_are_shown_with_who_has_them(watcher: Watcher) -> None:
    assert watcher.view.partitions([]) == (PartitionLag(TOPIC, 0, 3, 7, "worker-1"),)

    watcher.places = {(TOPIC, 0): Place(3, 7, START), (TOPIC, 1): Place(2, 2), (TOPIC, 2): Place(None, 4)}
    await watcher.look_after(timedelta(seconds=1))
    await until(lambda: len(watcher.view.partitions([])) == 3)

    rows = [worker("worker-2", "b"), msgspec.structs.replace(worker("worker-1", "a"), owned={TOPIC: (0,)})]
    assert [(each.partition, each.owner, each.records) for each in watcher.view.partitions(rows)] == [
        (0, "worker-1", 4),
        (1, "worker-2", 0),
        (2, None, None),
    ]


async def test_without_redis_the_others_are_as_last_known(watcher: Watcher) -> None:
    await watcher.beat(worker("worker-2", "b"))
    await watcher.look_after(timedelta(seconds=1))
    watcher.heartbeats.down = True
    await watcher.look_after(timedelta(minutes=5))

    assert [row.name for row in watcher.view.others.rows] == ["worker-2"]
    assert watcher.runtime.dependencies.of(REDIS).state is State.DEGRADED
