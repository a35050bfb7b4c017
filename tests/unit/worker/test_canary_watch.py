"""The guards look at what all workers have told; one that breaks takes the canary back, without S3 or Redis."""

import logging
from collections.abc import Iterable
from types import SimpleNamespace
from typing import cast

import msgspec
import pytest

from saving_alerts.adapters.standing_switches import CONFIRMED_PARTITION
from saving_alerts.delivery.outputs import Output, Undelivered
from saving_alerts.domain.canary.evidence import Evidence
from saving_alerts.domain.canary.order import CanaryOrder
from saving_alerts.domain.kill_actions import entry_of
from saving_alerts.domain.kill_switches import KillSwitch, read_switch
from saving_alerts.metrics import Metric
from saving_alerts.ports.heartbeats import WorkerRow
from saving_alerts.settings import example_settings
from saving_alerts.worker.canary_watch import CanaryWatch
from saving_alerts.worker.runtime import WorkerRuntime
from tests.support.fakes.clock import START, FakeClock
from tests.support.fakes.metrics import RecordingMetrics
from tests.support.sample_canary import an_order
from tests.support.until import until
from tests.support.worker_rows import a_row

pytestmark = pytest.mark.asyncio
ORDER, ANOTHER = an_order(), an_order(mark="ffffff")
LOUD = Evidence(evaluated=60, wanted=15)  # not enough for one worker, and enough for three
TOPICS = example_settings().topics


class Runtime:
    """Of a worker: what stands, and what it writes. While `kafka` is false nothing is ever written."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.metrics = RecordingMetrics()
        self.topics = TOPICS
        self.settings = SimpleNamespace(worker_name="worker-1", heartbeat_seconds=2)
        self.order: CanaryOrder | None = ORDER
        self.is_taken_back = False
        self.canary = SimpleNamespace(evidence=Evidence())
        self.producer = self
        self.written: list[Output] = []
        self.refuses = False

    @property
    def reference_data(self) -> SimpleNamespace:
        return SimpleNamespace(order=self.order)

    def tried(self) -> CanaryOrder | None:
        return None if self.is_taken_back else self.order

    async def deliver(self, outputs: Iterable[Output]) -> list[Undelivered]:
        records = list(outputs)
        if self.refuses:
            return [Undelivered(records[0], ValueError("too large"))]
        self.written += records
        return []


class Harness:
    def __init__(self) -> None:
        self.runtime = Runtime()
        self.rows: list[WorkerRow] = []
        self.watch = CanaryWatch(cast("WorkerRuntime", self.runtime), lambda: self.rows)

    def hears(self, *told: tuple[str, Evidence], canary: str | None = ORDER.id) -> None:
        self.rows = [
            msgspec.structs.replace(a_row(0, {}), incarnation=name, canary=canary, evidence=evidence)
            for name, evidence in told
        ]

    async def look(self) -> list[Output]:
        await self.watch.look()
        return self.runtime.written


@pytest.fixture
def harness(caplog: pytest.LogCaptureFixture) -> Harness:
    caplog.set_level(logging.INFO)
    return Harness()


async def test_what_three_workers_saw_is_enough_where_each_alone_has_too_little(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    harness.runtime.canary.evidence = LOUD
    assert await harness.look() == []
    harness.hears(("i-2", LOUD), ("i-3", LOUD))

    (record,) = await harness.look()

    switch = read_switch(record.key, record.value or b"")
    why = "pushes, too many: 45 of 180 events, which is 25.00%; 10.00% was foretold, the limit is 20.00%"
    assert isinstance(switch, KillSwitch)
    assert (record.topic, record.partition) == (TOPICS.kill_switches.name, CONFIRMED_PARTITION)
    assert (switch.name, switch.reason, switch.lasts) == (f"canary:{ORDER.id}", why, True)
    assert switch.by == "its guards, as worker-1 saw"
    assert f"canary {ORDER.id} is taken back: {why}" in caplog.text
    told = str(entry_of(record.key or b"", record.headers, START, None, switch))
    assert f"canary:{ORDER.id}  on by its guards, as worker-1 saw: pushes, too many" in told


async def test_what_a_dead_worker_had_told_stays_told(harness: Harness) -> None:
    harness.runtime.canary.evidence = LOUD
    harness.hears(("i-2", LOUD))
    assert await harness.look() == []
    harness.hears(("i-3", LOUD))

    assert len(await harness.look()) == 1


async def test_of_a_worker_the_last_word_counts(harness: Harness) -> None:
    harness.hears(("i-2", Evidence(evaluated=30, wanted=9)))
    await harness.look()
    harness.hears(("i-2", LOUD))

    await harness.look()

    assert harness.watch.found() == LOUD


async def test_what_was_told_of_another_canary_does_not_count(harness: Harness) -> None:
    harness.hears(("i-2", Evidence(evaluated=1_000, wanted=900)), canary=ANOTHER.id)

    assert await harness.look() == []
    harness.runtime.order = ANOTHER
    assert len(await harness.look()) == 1


async def test_without_redis_a_worker_goes_by_what_it_sees_itself(harness: Harness) -> None:
    harness.runtime.canary.evidence = Evidence(evaluated=180, wanted=75)

    assert len(await harness.look()) == 1


async def test_what_is_taken_back_already_stays_as_it_was_written(harness: Harness) -> None:
    harness.runtime.canary.evidence = Evidence(evaluated=180, wanted=75)
    harness.runtime.is_taken_back = True

    assert await harness.look() == []
    assert harness.runtime.metrics.values(Metric.CANARY_TAKEN_BACK) == [1]


@pytest.mark.parametrize("order", [None, msgspec.structs.replace(ORDER, ends=START)], ids=["none", "its time is over"])
async def test_what_is_not_tried_is_not_taken_back(harness: Harness, order: CanaryOrder | None) -> None:
    harness.runtime.order = order
    harness.runtime.canary.evidence = Evidence(evaluated=180, wanted=75)

    assert await harness.look() == []
    assert harness.runtime.metrics.values(Metric.CANARY_TRIED) == [0]


async def test_as_long_as_it_is_not_obeyed_it_is_written_again(harness: Harness) -> None:
    harness.runtime.canary.evidence = Evidence(evaluated=180, wanted=75)

    await harness.look()

    assert len(await harness.look()) == 2


async def test_what_kafka_refuses_is_said(harness: Harness, caplog: pytest.LogCaptureFixture) -> None:
    harness.runtime.canary.evidence = Evidence(evaluated=180, wanted=75)
    harness.runtime.refuses = True

    await harness.look()

    assert "use `rules canary abort`: too large" in caplog.text


async def test_how_near_each_guard_is_can_be_measured(harness: Harness) -> None:
    harness.runtime.canary.evidence = LOUD

    await harness.look()

    metrics = harness.runtime.metrics
    shares = dict(
        zip(metrics.tags(Metric.CANARY_EVIDENCE, "guard"), metrics.values(Metric.CANARY_EVIDENCE), strict=True)
    )
    assert list(shares) == ["pushes_too_many", "pushes_too_few", "when_errors", "push_refused", "opt-outs"]
    assert 0.3 < shares["pushes_too_many"] < 1
    assert shares["pushes_too_few"] == 0
    assert metrics.values(Metric.CANARY_TRIED) == [1]


async def test_a_crowd_of_rows_is_not_remembered(harness: Harness) -> None:
    harness.hears(*((f"i-{number}", Evidence(evaluated=1)) for number in range(3_000)))

    await harness.look()

    assert harness.watch.found() == Evidence(evaluated=1_000)


async def test_it_looks_after_every_heartbeat_and_no_failure_ends_it(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    harness.runtime.settings.heartbeat_seconds = 0.001
    harness.runtime.canary.evidence = Evidence(evaluated=180, wanted=75)
    harness.rows = cast("list[WorkerRow]", [None])  # which nobody can look at

    async with harness.watch:
        await until(lambda: "could not be looked at" in caplog.text)
        harness.rows = []
        await until(lambda: bool(harness.runtime.written))
