"""Brokers die under load, one or all: the workers wait, resume by themselves, and nothing is broken."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from demo.workers.worker_process import WorkerProcess
from tests.faults.broker_roles import group_coordinator, partition_leader
from tests.faults.case import Case
from tests.faults.deployment import Deployment
from tests.faults.deployment_spec import DRAIN_SECONDS, THREE_BROKERS

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(300),
    pytest.mark.parametrize("deployment", [pytest.param(THREE_BROKERS, id=pytest.HIDDEN_PARAM)], indirect=True),
]

LOAD_TIMEOUT_SECONDS = 30
GAP_LIMIT_SECONDS = 25
OUTAGE_SECONDS = 30.0
STOP_WITHOUT_KAFKA_SECONDS = DRAIN_SECONDS + 10


def begin(deployment: Deployment, case: Case) -> None:
    case.begin()
    deployment.wait_until(lambda: len(case.pushes()) > 0, LOAD_TIMEOUT_SECONDS, "pushes go out")


def all_brokers_again(deployment: Deployment) -> None:
    deployment.cluster.start_all()
    deployment.cluster.wait_until_ready(brokers=3)


@pytest.mark.parametrize(
    "which",
    [
        pytest.param(partition_leader, id="a partition's leader is killed"),
        pytest.param(group_coordinator, id="the group's coordinator is killed"),
    ],
)
def test_one_broker_is_killed_and_comes_back(
    deployment: Deployment, case: Case, which: Callable[[Deployment], int]
) -> None:
    node = which(deployment)
    begin(deployment, case)

    deployment.cluster.kill(node)
    died_at = datetime.now(UTC)
    case.wait_until_worked_on(range(deployment.spec.partitions), died_at)
    all_brokers_again(deployment)

    result = case.check()
    assert result.failures == ()
    assert result.gap_seconds is not None
    assert result.gap_seconds < GAP_LIMIT_SECONDS


def test_all_brokers_are_dead_for_half_a_minute(deployment: Deployment, case: Case) -> None:
    begin(deployment, case)

    deployment.cluster.kill_all()
    until = time.monotonic() + OUTAGE_SECONDS
    deployment.wait_until(lambda: time.monotonic() > until, OUTAGE_SECONDS + 1, "the outage is over")
    all_brokers_again(deployment)
    back_at = datetime.now(UTC)
    case.wait_until_worked_on(range(deployment.spec.partitions), back_at)

    result = case.check()
    assert result.failures == ()
    assert result.gap_seconds is not None
    assert result.gap_seconds < GAP_LIMIT_SECONDS


def test_a_worker_that_is_told_to_stop_without_kafka_ends_soon(deployment: Deployment, case: Case) -> None:
    begin(deployment, case)

    deployment.cluster.kill_all()
    seconds = seconds_to_stop(deployment, deployment.workers[0])
    all_brokers_again(deployment)
    deployment.add_worker()

    result = case.check()
    assert result.failures == ()
    assert seconds < STOP_WITHOUT_KAFKA_SECONDS


def seconds_to_stop(deployment: Deployment, worker: WorkerProcess) -> float:
    began = time.monotonic()
    deployment.workers.remove(worker)
    worker.stop()
    return time.monotonic() - began
