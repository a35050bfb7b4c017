"""Kafka takes no records of one topic for a while: what was not written is not committed, so a kill loses nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType

from saving_alerts.domain.decisions import Stage
from tests.faults.case import Case
from tests.faults.commit_ticks import let_commits_tick
from tests.faults.crew import Crew, taken
from tests.faults.leaders import coordinator
from tests.faults.shape import THREE_BROKERS

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(240),
    pytest.mark.parametrize("crew", [pytest.param(THREE_BROKERS, id=pytest.HIDDEN_PARAM)], indirect=True),
]

ADMIN_TIMEOUT_SECONDS = 10
HELD_EVENTS = 50
HELD_TIMEOUT_SECONDS = 60
COMMIT_TICKS = 3


@contextmanager
def refused_writes(crew: Crew, topic: str) -> Iterator[None]:
    """All three replicas are demanded and one is dead, so every write is answered with "not now"."""
    set_minimum_in_sync(crew, topic, "3", AlterConfigOpType.SET)
    crew.cluster.kill(bystander(crew))
    try:
        yield
    finally:
        crew.cluster.start_all()
        crew.cluster.wait_until_ready(brokers=3)
        set_minimum_in_sync(crew, topic, None, AlterConfigOpType.DELETE)


def bystander(crew: Crew) -> int:
    """A broker that does not coordinate the workers: they go on committing."""
    return next(node for node in (1, 2, 3) if node != coordinator(crew))


def set_minimum_in_sync(crew: Crew, topic: str, value: str | None, operation: AlterConfigOpType) -> None:
    entry = ConfigEntry("min.insync.replicas", value, incremental_operation=operation)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": crew.world.bootstrap_servers})
    admin.incremental_alter_configs([resource])[resource].result(ADMIN_TIMEOUT_SECONDS)


def test_a_worker_dies_while_kafka_refuses_its_outputs(crew: Crew, case: Case) -> None:
    victim = crew.workers[0]
    with refused_writes(crew, crew.topics.validated.name):
        enough = taken(victim, Stage.VALIDATE) + HELD_EVENTS
        case.begin()
        crew.wait_until(lambda: taken(victim, Stage.VALIDATE) >= enough, HELD_TIMEOUT_SECONDS, "events were read")
        let_commits_tick(crew, crew.shares[victim.name][0], COMMIT_TICKS)

        victim.kill()
        death = case.death_of(victim)
    case.wait_until_worked_on(death.partitions, death.at)

    assert case.check().failures == ()
