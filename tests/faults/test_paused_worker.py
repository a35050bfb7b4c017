"""A worker is paused for longer than its session, others take over, and then it goes on as if nothing had happened."""

import time
from datetime import UTC, datetime

import pytest

from demo.workers.worker_process import WorkerProcess
from saving_alerts.failpoints import Failpoint
from tests.faults.case import Case
from tests.faults.deployment import Deployment
from tests.faults.deployment_spec import SESSION_TIMEOUT_SECONDS, DeploymentSpec
from tests.faults.rounds import ROUNDS

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(180),
    pytest.mark.parametrize("deployment", [pytest.param(DeploymentSpec(), id=pytest.HIDDEN_PARAM)], indirect=True),
]

PAUSE_TIMEOUT_SECONDS = 60
GAP_LIMIT_SECONDS = SESSION_TIMEOUT_SECONDS + 10
TAKES_PART_SECONDS = 8


def take_over_and_resume(deployment: Deployment, case: Case, paused: WorkerProcess) -> None:
    """Resume the paused worker when the others have answered everything."""
    deployment.wait_until(paused.is_paused, PAUSE_TIMEOUT_SECONDS, f"{paused.name} is paused")
    case.wait_until_worked_on(deployment.assignments[paused.name], datetime.now(UTC))
    case.stop()
    case.wait_until_answered()
    paused.resume()


def passes_in_time(case: Case) -> bool:
    result = case.check()
    assert result.failures == ()
    return result.gap_seconds is not None and result.gap_seconds < GAP_LIMIT_SECONDS


def test_a_worker_that_was_paused_anywhere_does_no_harm_when_it_wakes(deployment: Deployment, case: Case) -> None:
    paused = deployment.workers[1]
    case.begin()
    deployment.wait_until(lambda: len(case.pushes()) > 0, PAUSE_TIMEOUT_SECONDS, "pushes go out")

    paused.pause()
    take_over_and_resume(deployment, case, paused)
    woke_at = time.monotonic()
    deployment.wait_until_stable()
    seconds = time.monotonic() - woke_at

    assert passes_in_time(case)
    assert deployment.assignments[paused.name]
    assert seconds < TAKES_PART_SECONDS


@pytest.mark.parametrize("number", ROUNDS)
@pytest.mark.parametrize(
    "failpoint",
    [
        pytest.param(Failpoint.AFTER_RESERVE, id="paused after_reserve", marks=pytest.mark.long),
        pytest.param(Failpoint.AFTER_RENEW, id="paused after_renew", marks=pytest.mark.long),
        pytest.param(Failpoint.AFTER_PUSH_ANSWER, id="paused after_push_answer"),
        pytest.param(Failpoint.BEFORE_COMMIT, id="paused before_commit", marks=pytest.mark.long),
    ],
)
def test_a_worker_that_was_paused_with_a_claim_does_no_harm_when_it_wakes(
    deployment: Deployment, case: Case, failpoint: Failpoint, number: int
) -> None:
    paused = deployment.workers[2]
    settings = {"SAVING_ALERTS_FAILPOINT": f"{failpoint}:{2 + number}", "SAVING_ALERTS_FAILPOINT_SIGNAL": "STOP"}
    deployment.restart(paused, settings)
    case.begin()

    take_over_and_resume(deployment, case, paused)

    assert passes_in_time(case)
