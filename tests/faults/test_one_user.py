"""A thousand events of one user, and everything that could make two pushes of them."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from demo.stub_apis.faults import Behaviour
from tests.end_to_end.shoppers import visit
from tests.faults.case import Case
from tests.faults.deployment import Deployment
from tests.faults.deployment_spec import SESSION_TIMEOUT_SECONDS, DeploymentSpec

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(240),
    pytest.mark.parametrize("deployment", [pytest.param(DeploymentSpec(), id=pytest.HIDDEN_PARAM)], indirect=True),
]

EVENTS = 1_000
PER_SECOND = 40
ATTEMPT_SECONDS = 3.0
TAKE_OVER_SECONDS = SESSION_TIMEOUT_SECONDS + 30


def attempts(deployment: Deployment, user: str) -> int:
    return sum(request.user_id == user for request in deployment.world.push_api.requests)


def test_of_a_thousand_events_comes_one_push_however_often_their_owner_changes(
    deployment: Deployment, case: Case
) -> None:
    """The first owner is paused in an attempt that does nothing, and wakes in the middle of its successor's attempt."""
    user = case.user("one")
    deployment.world.push_api.behave(
        Behaviour(fault="status", status=500, latency_seconds=ATTEMPT_SECONDS, times=1),
        Behaviour(latency_seconds=ATTEMPT_SECONDS, times=1),
        user_id=user,
    )
    records = [visit(f"{user}-{number}", user) for number in range(EVENTS)]
    with ThreadPoolExecutor(1) as thread:
        writing = thread.submit(case.write, records, PER_SECOND, expect=[user])
        deployment.wait_until(
            lambda: attempts(deployment, user) >= 1, TAKE_OVER_SECONDS, "the first attempt is under way"
        )
        owner = deployment.owner_of(deployment.partition_of(user))
        owner.pause()
        deployment.wait_until(lambda: attempts(deployment, user) > 1, TAKE_OVER_SECONDS, "another attempt is under way")
        owner.resume()
        deployment.wait_until_stable()
        added = deployment.add_worker()
        deployment.wait_until_stable()
        deployment.remove_worker(added)
        deployment.wait_until_stable()
        writing.result()

    assert case.check().failures == ()
    assert [push.push.user_id for push in case.pushes()] == [user]
