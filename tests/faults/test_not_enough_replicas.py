"""Kafka takes no records for one topic for a while: what was not written is not committed, so a kill loses nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType

from saving_alerts.domain.decisions import Stage
from tests.end_to_end.conditions import taken
from tests.faults.broker_roles import group_coordinator
from tests.faults.case import Case
from tests.faults.commits import wait_for_commits
from tests.faults.deployment import Deployment
from tests.faults.deployment_spec import THREE_BROKERS

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(240),
    pytest.mark.parametrize("deployment", [pytest.param(THREE_BROKERS, id=pytest.HIDDEN_PARAM)], indirect=True),
]

ADMIN_TIMEOUT_SECONDS = 10
UNPUBLISHED_EVENTS = 50
READ_TIMEOUT_SECONDS = 60
COMMITS = 3


@contextmanager
def not_enough_replicas(deployment: Deployment, topic: str) -> Iterator[None]:
    """All three replicas are demanded and one is dead, so every write gets the retriable NotEnoughReplicas."""
    set_minimum_in_sync(deployment, topic, "3", AlterConfigOpType.SET)
    deployment.cluster.kill(not_the_coordinator(deployment))
    try:
        yield
    finally:
        deployment.cluster.start_all()
        deployment.cluster.wait_until_ready(brokers=3)
        set_minimum_in_sync(deployment, topic, None, AlterConfigOpType.DELETE)


def not_the_coordinator(deployment: Deployment) -> int:
    """A broker that is not the group coordinator: without it the workers go on committing."""
    return next(node for node in (1, 2, 3) if node != group_coordinator(deployment))


def set_minimum_in_sync(deployment: Deployment, topic: str, value: str | None, operation: AlterConfigOpType) -> None:
    entry = ConfigEntry("min.insync.replicas", value, incremental_operation=operation)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": deployment.world.bootstrap_servers})
    admin.incremental_alter_configs([resource])[resource].result(ADMIN_TIMEOUT_SECONDS)


def test_a_worker_dies_while_kafka_rejects_its_outputs(deployment: Deployment, case: Case) -> None:
    target = deployment.workers[0]
    with not_enough_replicas(deployment, deployment.topics.validated.name):
        enough = taken(target, Stage.VALIDATE) + UNPUBLISHED_EVENTS
        case.begin()
        deployment.wait_until(lambda: taken(target, Stage.VALIDATE) >= enough, READ_TIMEOUT_SECONDS, "events were read")
        wait_for_commits(deployment, deployment.assignments[target.name][0], COMMITS)

        target.kill()
        death = case.death_of(target)
    case.wait_until_worked_on(death.partitions, death.at)

    assert case.check().failures == ()
