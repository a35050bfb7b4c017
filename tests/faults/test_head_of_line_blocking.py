"""One event hangs while later ones of its partition finish: the commit waits for it, so that a kill loses nothing."""

from collections.abc import Iterator
from itertools import count, islice

import pytest

from demo.stub_apis.faults import Behaviour
from demo.stub_apis.stub import ApiStub
from tests.end_to_end.shoppers import visit
from tests.faults.case import Case
from tests.faults.commits import wait_for_commits
from tests.faults.deployment import Deployment
from tests.faults.deployment_spec import DeploymentSpec

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(180),
    pytest.mark.parametrize("deployment", [pytest.param(DeploymentSpec(), id=pytest.HIDDEN_PARAM)], indirect=True),
]

NEIGHBOURS = 300
NEIGHBOURS_PER_SECOND = 300
COMMITS = 3
ASK_TIMEOUT_SECONDS = 20
NEIGHBOUR_TIMEOUT_SECONDS = 30


def neighbours_of(head: str, deployment: Deployment) -> Iterator[str]:
    """Users whose events share a partition with the one of `head`."""
    names = (f"{head}-neighbour-{number}" for number in count())
    return (name for name in names if deployment.partition_of(name) == deployment.partition_of(head))


def api_of(deployment: Deployment, name: str) -> ApiStub:
    return {"Coupon API": deployment.world.coupon_api, "push API": deployment.world.push_api}[name]


@pytest.mark.parametrize(
    "api_name",
    [
        pytest.param("Coupon API", id="one event hangs in the Coupon API"),
        pytest.param("push API", id="one event hangs in the push API"),
    ],
)
def test_an_event_that_hangs_is_finished_by_the_next_owner(deployment: Deployment, case: Case, api_name: str) -> None:
    api, head = api_of(deployment, api_name), case.user("head")
    api.behave(Behaviour(fault="hang"), user_id=head)
    case.write([visit(head, head)], expect=[head])
    api.wait_until(lambda: any(request.user_id == head for request in api.requests), ASK_TIMEOUT_SECONDS)
    neighbours = list(islice(neighbours_of(head, deployment), NEIGHBOURS))
    case.write([visit(name, name) for name in neighbours], NEIGHBOURS_PER_SECOND, expect=neighbours)
    deployment.wait_until(
        lambda: all(map(case.reason, neighbours)), NEIGHBOUR_TIMEOUT_SECONDS, "the neighbours are done"
    )
    owner = deployment.owner_of(deployment.partition_of(head))
    other_partition = next(each for each in deployment.assignments[owner.name] if each != deployment.partition_of(head))
    wait_for_commits(deployment, other_partition, COMMITS)
    assert case.reason(head) is None

    owner.kill()
    case.death_of(owner)
    api.recover()

    assert case.check().failures == ()
