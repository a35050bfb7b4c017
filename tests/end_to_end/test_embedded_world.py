"""Two worker processes in the embedded world: every event gets the answer it must have, every push arrives once."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from demo.checks.traffic_check import TrafficResult
from demo.traffic import make_traffic
from demo.workers.worker_process import WorkerProcess, command_line, wait_until_ready
from demo.world import World
from tests.end_to_end.traffic import run_traffic

pytestmark = pytest.mark.timeout(200)

SEED = 7
EVENTS = 600
EVENTS_PER_SECOND = 200
ANSWER_TIMEOUT_SECONDS = 120


@dataclass(frozen=True, slots=True)
class CompletedRun:
    """The world after the traffic."""

    world: World
    workers: list[WorkerProcess]
    result: TrafficResult


@pytest.fixture(scope="module")
def completed() -> Iterator[CompletedRun]:
    with World() as world:
        world.publish_reference_data()
        workers = [world.start_worker() for _ in range(2)]
        wait_until_ready(workers)
        yield CompletedRun(
            world, workers, run_traffic(world, make_traffic(SEED, EVENTS), EVENTS_PER_SECOND, ANSWER_TIMEOUT_SECONDS)
        )


def test_every_event_and_every_push_is_as_planned(completed: CompletedRun) -> None:
    assert completed.result.failures == ()


def test_every_expected_push_is_among_the_accepted_ones(completed: CompletedRun) -> None:
    assert 0 < completed.result.expected_pushes <= completed.result.pushes


def test_the_audit_accounts_for_every_event(completed: CompletedRun) -> None:
    audit = command_line(["audit"], completed.world.environment)

    assert f"{EVENTS} source offsets: {EVENTS} answered, 0 pending, 0 missing" in audit.stdout
    assert audit.returncode == 0, audit.stdout + audit.stderr


def test_workers_that_are_told_to_stop_end_without_an_error(completed: CompletedRun) -> None:
    assert [worker.stop() for worker in completed.workers] == [0, 0]
