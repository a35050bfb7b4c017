"""A worker dies that had half of a large Table: who had it before still has it in memory, and works at once with it."""

from collections.abc import Iterator

import pytest

from benchmarks.deployment import fill_topic
from benchmarks.recovery import sends
from demo.worker_process import command_line
from demo.world import World
from saving_alerts.domain.decisions import Reason
from tests.end_to_end.shoppers import visit
from tests.faults.case import Case
from tests.faults.crew import Crew
from tests.faults.findings import REPORT
from tests.faults.shape import SESSION_TIMEOUT_SECONDS, Shape
from tests.kafka_cluster.cluster import KafkaCluster
from tests.kafka_cluster.libraries import require_java_and_maven

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

USERS = 240_000
KILL_GAP_SECONDS = SESSION_TIMEOUT_SECONDS + 10
PUSH_TIMEOUT_SECONDS = 30
ANSWER_TIMEOUT_SECONDS = 30
# Of all partitions. The Table alone knows that they were pushed an hour ago.
KNOWN = [f"u-{number}" for number in range(0, USERS, USERS // 200)]
ONE = Shape(workers=1)


@pytest.fixture
def crew_that_knows_many() -> Iterator[Crew]:
    require_java_and_maven()
    with KafkaCluster(brokers=1) as cluster, World(cluster.bootstrap_servers) as world:
        created = command_line(["topics", "create"], {**world.environment, **ONE.settings})
        assert created.returncode == 0, created.stderr
        fill_topic(world.bootstrap_servers, ONE.topics.push_sends.name, sends(USERS))
        with Crew(world, cluster, ONE) as crew:
            yield crew


def test_its_users_are_served_soon(crew_that_knows_many: Crew, request: pytest.FixtureRequest) -> None:
    crew = crew_that_knows_many
    with Case(crew, "a worker with half of a large Table is killed") as case:
        second = crew.hire()
        crew.wait_until_settled()
        case.begin()
        crew.wait_until(lambda: len(case.pushes()) > 0, PUSH_TIMEOUT_SECONDS, "pushes go out")

        leave = crew.bury(second)
        case.wait_until_worked_on(leave.partitions, leave.told_at)
        case.write([visit(user, user) for user in KNOWN])
        crew.wait_until(lambda: all(case.reasons(user) for user in KNOWN), ANSWER_TIMEOUT_SECONDS, "they are answered")
        answers = set().union(*(case.reasons(user) for user in KNOWN))

        findings = case.verdict()
    request.config.stash[REPORT].append(findings)
    assert answers == {Reason.CAPPED}
    assert findings.faults == ()
    assert findings.gap_seconds is not None
    assert findings.gap_seconds < KILL_GAP_SECONDS
