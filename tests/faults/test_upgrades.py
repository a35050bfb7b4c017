"""A release and the one before: stop all, start all, there and back. What each has written the other reads."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from demo.workers.worker_process import OURS, Build
from demo.world import World
from tests.faults.case import Case
from tests.faults.case_results import CASE_RESULTS
from tests.faults.deployment import Deployment
from tests.faults.deployment_spec import DeploymentSpec
from tests.faults.former_release import former_release
from tests.faults.phases import Phases, coupons_for_all
from tests.kafka_cluster.cluster import KafkaCluster
from tests.kafka_cluster.libraries import require_java_and_maven

pytestmark = [pytest.mark.faults, pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture
def former() -> Build:
    return former_release("0.1.0")


@pytest.fixture
def deployment_of_former(former: Build) -> Iterator[Deployment]:
    """Its topics were created by 0.1.0."""
    require_java_and_maven()
    with (
        KafkaCluster(brokers=1) as cluster,
        World(cluster.bootstrap_servers) as world,
        Deployment(world, cluster, DeploymentSpec(), former) as deployment,
    ):
        world.coupon_api.coupons = coupons_for_all
        yield deployment


def replace_all(case: Case, build: Build) -> None:
    stopped_at = datetime.now(UTC)
    case.deployment.replace_all(build)
    case.wait_until_worked_on(range(case.deployment.spec.partitions), stopped_at, datetime.now(UTC))


def test_all_are_stopped_and_all_started_there_and_back(
    deployment_of_former: Deployment, former: Build, request: pytest.FixtureRequest
) -> None:
    with Case(deployment_of_former, "0.1.0, 0.2.0, 0.1.0, 0.2.0: stop all, start all") as case:
        phases = Phases(case)
        case.begin()
        phases.play(former)
        for build in (OURS, former, OURS):
            replace_all(case, build)
            phases.play(build)
        phases.read(former)
        phases.read(OURS)

        result = case.check()
        request.config.stash[CASE_RESULTS].append(result)
        assert result.failures == ()


def test_the_table_has_what_both_releases_sent(
    deployment_of_former: Deployment, former: Build, request: pytest.FixtureRequest
) -> None:
    """Of what 0.2.0 has sent 0.1.0 finds nothing there (ADR 31); both find it in Redis."""
    with Case(deployment_of_former, "0.1.0, 0.2.0: stop all, start all, Redis empty") as case:
        phases = Phases(case)
        case.begin()
        phases.play(former)
        replace_all(case, OURS)
        phases.forget_in_redis()
        phases.nobody_is_pushed_again("of the former release")
        phases.play(OURS)
        phases.forget_in_redis()
        phases.nobody_is_pushed_again("of this release")

        result = case.check()
        request.config.stash[CASE_RESULTS].append(result)
        assert result.failures == ()
