"""One event hangs while later ones of its partition finish: the commit waits for it, so that a kill loses nothing."""

import asyncio
from collections.abc import Iterator
from itertools import count, islice

import pytest
from aiokafka import TopicPartition

from demo.stub_apis.faults import Behaviour
from demo.stub_apis.stub import ApiStub
from saving_alerts.delivery.poison_pills.commit_metadata import PartitionMemo
from saving_alerts.delivery.uncommitted import NOTED_FROM
from saving_alerts.kafka.client import commits
from saving_alerts.kafka.connection import KafkaConnection
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
# More than are noted at once; fewer are asked about again.
MANY_NEIGHBOURS = NOTED_FROM + 500
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


def test_what_is_finished_behind_an_event_that_hangs_is_not_done_again(deployment: Deployment, case: Case) -> None:
    """A killed owner has noted it beside its commit: the next one asks the Coupon API about nobody again."""
    api, head = deployment.world.coupon_api, case.user("head")
    api.behave(Behaviour(fault="hang"), user_id=head)
    case.write([visit(head, head)], expect=[head])
    api.wait_until(lambda: any(request.user_id == head for request in api.requests), ASK_TIMEOUT_SECONDS)
    neighbours = list(islice(neighbours_of(head, deployment), MANY_NEIGHBOURS))
    case.write([visit(name, name) for name in neighbours], NEIGHBOURS_PER_SECOND, expect=neighbours)
    deployment.wait_until(
        lambda: all(map(case.reason, neighbours)), NEIGHBOUR_TIMEOUT_SECONDS, "the neighbours are done"
    )
    owner = deployment.owner_of(deployment.partition_of(head))
    wait_until_finished_is_noted(deployment, deployment.partition_of(head))
    asked_before = len(api.requests)

    owner.kill()
    case.death_of(owner)
    api.recover()

    assert case.check().failures == ()
    assert {request.user_id for request in api.requests[asked_before:]}.isdisjoint(neighbours)


def wait_until_finished_is_noted(deployment: Deployment, partition: int) -> None:
    """And all of the source committed: what is not is forwarded, and asked about, again.

    In the source these users are in other partitions than behind `validate`.
    """
    deployment.wait_until(
        lambda: finished_of(deployment, partition) == MANY_NEIGHBOURS,
        ASK_TIMEOUT_SECONDS,
        "what is finished is noted beside the commit",
    )
    source = deployment.topics.source.name
    deployment.wait_until(
        lambda: all(topic != source for topic, _ in deployment.offsets.lag()),
        ASK_TIMEOUT_SECONDS,
        "the source is committed",
    )


def finished_of(deployment: Deployment, partition: int) -> int:
    """How many records of a partition of the Coupon API's stage are noted as finished behind its commit."""
    place = TopicPartition(deployment.topics.validated.name, partition)
    connection = KafkaConnection(deployment.world.bootstrap_servers)
    commit = asyncio.run(commits(connection, deployment.spec.group, [place]))[place]
    finished = PartitionMemo.read(commit.text if commit else None).finished
    return sum(last - first + 1 for first, last in finished.ranges()) if finished else 0
