"""Workers die between any two effects of dispatch, again and again, and also until an event's deadline has passed."""

import os
import signal
from collections import Counter
from datetime import timedelta
from itertools import count

import pytest

from demo.stub_apis.faults import Behaviour
from demo.workers.worker_process import WorkerProcess
from saving_alerts.domain.decisions import Stage
from saving_alerts.domain.reasons import Reason
from saving_alerts.failpoints import Failpoint
from tests.end_to_end.shoppers import FRESHNESS, visit
from tests.faults.case import Case
from tests.faults.deployment import Deployment
from tests.faults.deployment_spec import DeploymentSpec
from tests.faults.rounds import ROUNDS

pytestmark = [
    pytest.mark.faults,
    pytest.mark.long,
    pytest.mark.parametrize("deployment", [pytest.param(DeploymentSpec(), id=pytest.HIDDEN_PARAM)], indirect=True),
]

DEATHS = int(os.environ.get("FAULT_DEATHS", "20"))
DECIDED = f"{Failpoint.BEFORE_PUBLISH}@{Stage.DISPATCH_PUSH}"
PAIRS = (
    (Failpoint.AFTER_RESERVE, Failpoint.AFTER_RENEW),
    (Failpoint.AFTER_PUSH_ANSWER, Failpoint.AFTER_TABLE_WRITE),
    (Failpoint.AFTER_CONFIRM, DECIDED),
)
TRIOS = (
    (Failpoint.AFTER_RESERVE, Failpoint.AFTER_RENEW, Failpoint.AFTER_PUSH_ANSWER),
    (Failpoint.AFTER_TABLE_WRITE, Failpoint.AFTER_CONFIRM, DECIDED),
)
# A worker must get more done in a life than comes while it is dead: else the work behind it grows without end. Only one
# push in ten is tried again, and so renewed.
PUSHES_BEFORE_DEATH = {Failpoint.AFTER_RENEW: 2}
OFTEN = 20
PER_SECOND = 10
DEATHS_TIMEOUT_SECONDS = 900
# Less than the session that the others wait for: the event comes again after its deadline.
LEFT = timedelta(seconds=6)
ANSWER_TIMEOUT_SECONDS = 60
# Beside `expired`: a copy of the event that came again in an earlier stage says so too.
MAY_HAVE_BEEN_PUSHED = {Reason.PUSHED, Reason.PUSH_UNCERTAIN}
UNCLEAR = Behaviour(fault="status", status=500, times=1)


@pytest.mark.timeout(DEATHS_TIMEOUT_SECONDS + 400)
@pytest.mark.parametrize("pair", [pytest.param(pair, id=f"deaths {pair[0]}, {pair[1]}") for pair in PAIRS])
def test_two_of_three_die_again_and_again(deployment: Deployment, case: Case, pair: tuple[str, str]) -> None:
    for target, failpoint in zip(deployment.workers, pair, strict=False):
        times = PUSHES_BEFORE_DEATH.get(Failpoint(failpoint.partition("@")[0]), OFTEN)
        deployment.restart_settings[target.name] = {"SAVING_ALERTS_FAILPOINT": f"{failpoint}:{times}"}
        deployment.restart(target, deployment.restart_settings[target.name])
    case.expect_deaths()
    case.begin(PER_SECOND)

    deployment.wait_until(
        lambda: all(deaths_of(case, target) >= DEATHS for target in deployment.workers[: len(pair)]),
        DEATHS_TIMEOUT_SECONDS,
        f"each has died {DEATHS} times",
    )
    deployment.restart_settings.clear()

    assert case.check().failures == ()
    assert {death.exit_code for death in case.all_deaths()} == {-signal.SIGKILL}


def deaths_of(case: Case, target: WorkerProcess) -> int:
    return Counter(death.worker.name for death in case.all_deaths())[target.name]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("number", ROUNDS)
@pytest.mark.parametrize("trio", [pytest.param(trio, id=f"late after {trio[0]} and two more") for trio in TRIOS])
def test_an_event_that_comes_again_after_its_deadline_is_not_pushed_twice(
    deployment: Deployment, case: Case, trio: tuple[str, ...], number: int
) -> None:
    """Nor is the user's next one pushed, unless the first is known not to have been."""
    for target, failpoint in zip(deployment.workers, trio, strict=True):
        deployment.restart(target, {"SAVING_ALERTS_FAILPOINT": f"{failpoint}:1"})
    targets = list(deployment.workers)
    users = [user_of(deployment, case, target) for target in targets]
    for user, failpoint in zip(users, trio, strict=True):
        if failpoint == Failpoint.AFTER_RENEW:  # a claim is renewed for a second attempt
            deployment.world.push_api.behave(UNCLEAR, user_id=user)

    case.write([visit(f"{user}-first", user, age=FRESHNESS - LEFT) for user in users])
    for target in targets:
        case.death_of(target)
    wait_until_answered(deployment, case, [f"{user}-first" for user in users])
    case.write([visit(f"{user}-second", user) for user in users])
    wait_until_answered(deployment, case, [f"{user}-second" for user in users])

    assert case.check().failures == ()
    for user in users:
        first, second = case.reasons(f"{user}-first"), case.reasons(f"{user}-second")
        assert second == {Reason.CAPPED} if first & MAY_HAVE_BEEN_PUSHED else second == {Reason.PUSHED}, (first, second)


def user_of(deployment: Deployment, case: Case, worker: WorkerProcess) -> str:
    """One whose alerts this worker dispatches."""
    names = (case.user(f"{worker.name}-{number}") for number in count())
    return next(name for name in names if deployment.owner_of(deployment.partition_of(name)) is worker)


def wait_until_answered(deployment: Deployment, case: Case, events: list[str]) -> None:
    deployment.wait_until(lambda: all(map(case.reason, events)), ANSWER_TIMEOUT_SECONDS, "all are answered")
