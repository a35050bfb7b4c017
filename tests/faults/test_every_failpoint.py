"""A worker dies at a failpoint, between two side effects: nothing is lost, doubled or missing."""

import signal
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from _pytest.mark import ParameterSet

from demo.workers.worker_process import WorkerProcess
from saving_alerts.domain.decisions import Stage
from saving_alerts.failpoints import Failpoint
from tests.faults.case import Case
from tests.faults.deployment import Deployment
from tests.faults.deployment_spec import DRAIN_SECONDS, SESSION_TIMEOUT_SECONDS, DeploymentSpec
from tests.faults.rounds import ROUNDS

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(240),
    pytest.mark.parametrize("deployment", [pytest.param(DeploymentSpec(), id=pytest.HIDDEN_PARAM)], indirect=True),
]

GAP_LIMIT_SECONDS = SESSION_TIMEOUT_SECONDS + 10
OFTEN = (1, 2, 5, 9, 20)
ONCE_A_SECOND = (1, 2, 3, 4, 6)
ONCE_A_STAGE = (1, 2, 3, 4, 1)
NEXT_TIME = (2,)  # the first time is the worker's own start


def no_action(_deployment: Deployment, _target: WorkerProcess) -> None:
    """The load alone reaches the failpoint."""


def restart_another(deployment: Deployment, target: WorkerProcess) -> None:
    another = next(worker for worker in deployment.workers if worker is not target)
    deployment.restart(another)


def tell_to_stop(_deployment: Deployment, target: WorkerProcess) -> None:
    target.terminate()


@dataclass(frozen=True, slots=True)
class Crash:
    """A crash at a failpoint.

    `times`: at which pass of the failpoint the worker dies, by round. `provoke`: what has to be done to reach it.
    """

    failpoint: Failpoint
    stage: Stage | None = None
    times: tuple[int, ...] = OFTEN
    provoke: Callable[[Deployment, WorkerProcess], None] = no_action

    @property
    def gap_limit_seconds(self) -> float:
        """A death during the rebalance of another worker's restart: that worker's drain comes on top."""
        return GAP_LIMIT_SECONDS + (DRAIN_SECONDS if self.provoke is restart_another else 0)

    def settings(self, number: int) -> dict[str, str]:
        place = f"{self.failpoint}@{self.stage}" if self.stage else str(self.failpoint)
        return {"SAVING_ALERTS_FAILPOINT": f"{place}:{self.times[number % len(self.times)]}"}


# Every failpoint and every stage once; the others of these and all further rounds are for `make test-long`.
IN_EVERY_RUN = {
    Failpoint.AFTER_READ: {Stage.VALIDATE, Stage.DISPATCH_PUSH},
    Failpoint.BEFORE_PUBLISH: {Stage.QUERY_COUPONS},
    Failpoint.AFTER_PUBLISH: {Stage.EVALUATE_RULES},
    Failpoint.BEFORE_ACK: {Stage.DISPATCH_PUSH},
}


def of_a_stage(failpoint: Failpoint, stage: Stage) -> ParameterSet:
    marks = () if stage in IN_EVERY_RUN[failpoint] else (pytest.mark.long,)
    return pytest.param(Crash(failpoint, stage), id=f"{failpoint} {stage}", marks=marks)


CRASHES = [
    *(of_a_stage(failpoint, stage) for failpoint in IN_EVERY_RUN for stage in Stage),
    pytest.param(Crash(Failpoint.AFTER_RESERVE), id="after_reserve"),
    pytest.param(Crash(Failpoint.AFTER_RENEW, times=(1, 2, 3, 5, 7)), id="after_renew"),
    pytest.param(Crash(Failpoint.AFTER_PUSH_ANSWER), id="after_push_answer"),
    pytest.param(Crash(Failpoint.AFTER_TABLE_WRITE), id="after_table_write"),
    pytest.param(Crash(Failpoint.AFTER_CONFIRM), id="after_confirm"),
    pytest.param(Crash(Failpoint.BEFORE_COMMIT, times=ONCE_A_SECOND), id="before_commit"),
    pytest.param(Crash(Failpoint.AFTER_COMMIT, times=ONCE_A_SECOND), id="after_commit"),
    pytest.param(
        Crash(Failpoint.DURING_DRAIN, times=ONCE_A_STAGE, provoke=restart_another), id="during_drain of a rebalance"
    ),
    pytest.param(
        Crash(Failpoint.DURING_DRAIN, times=ONCE_A_STAGE, provoke=tell_to_stop),
        id="during_drain of a stop",
        marks=pytest.mark.long,
    ),
    pytest.param(Crash(Failpoint.DURING_REBALANCE, times=NEXT_TIME, provoke=restart_another), id="during_rebalance"),
]


@pytest.mark.parametrize("number", ROUNDS)
@pytest.mark.parametrize("crash", CRASHES)
def test_a_worker_dies_there_and_nothing_is_broken(
    deployment: Deployment, case: Case, crash: Crash, number: int
) -> None:
    target = deployment.workers[(len(deployment.deaths) + number) % len(deployment.workers)]
    deployment.restart(target, crash.settings(number))
    case.begin()

    crash.provoke(deployment, target)
    death = case.death_of(target)
    case.wait_until_worked_on(death.partitions, death.at)

    result = case.check()
    assert death.exit_code == -signal.SIGKILL
    assert result.failures == ()
    assert result.gap_seconds is not None
    assert result.gap_seconds < crash.gap_limit_seconds
