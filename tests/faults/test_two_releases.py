"""This release and one with a field more in all that it writes, side by side: each reads what the other writes."""

from collections.abc import Iterable, Iterator

import pytest

from demo.workers.worker_process import OURS, Build
from demo.world import World
from tests.faults.case import Case
from tests.faults.case_results import CASE_RESULTS
from tests.faults.deployment import Deployment
from tests.faults.deployment_spec import DeploymentSpec
from tests.faults.next_release import NAME, next_release
from tests.faults.phases import Phases, coupons_for_all
from tests.faults.written_bytes import records_on, texts_of_commits, values_in_redis
from tests.kafka_cluster.cluster import KafkaCluster
from tests.kafka_cluster.libraries import require_java_and_maven

pytestmark = [pytest.mark.faults, pytest.mark.long, pytest.mark.timeout(900)]
TIMEOUT_SECONDS = 30


@pytest.fixture
def later() -> Iterator[Build]:
    with next_release() as build:
        yield build


@pytest.fixture(params=["this release first", "the next release first"])
def builds(request: pytest.FixtureRequest, later: Build) -> tuple[Build, Build]:
    return (OURS, later) if request.param == "this release first" else (later, OURS)


@pytest.fixture
def deployment_of_two(builds: tuple[Build, Build]) -> Iterator[Deployment]:
    require_java_and_maven()
    with (
        KafkaCluster(brokers=1) as cluster,
        World(cluster.bootstrap_servers) as world,
        Deployment(world, cluster, DeploymentSpec(), builds[0]) as deployment,
    ):
        world.coupon_api.coupons = coupons_for_all
        yield deployment


def has_both(texts: Iterable[bytes]) -> bool:
    """Whether some have the field of the next release, and others have it not."""
    return {NAME.encode() in text for text in texts} == {True, False}


def replace_in_turn(case: Case, phases: Phases, build: Build, before: Build) -> None:
    """One worker after the other. While both builds work, both leave something to read."""
    deployment = case.deployment
    first, *others = deployment.workers
    stops = [deployment.replace(first, build)]
    phases.play(build)
    phases.play(before)
    deployment.wait_until(lambda: has_both(texts_of_commits(deployment)), TIMEOUT_SECONDS, "both have committed")
    deployment.wait_until(
        lambda: has_both(values_in_redis(deployment, "*:workers:*")), TIMEOUT_SECONDS, "both have told of themselves"
    )
    stops += [deployment.replace(worker, build) for worker in others]
    for stopped in stops:
        case.wait_until_worked_on(stopped.partitions, stopped.requested_at, stopped.exited_at)
    phases.play(build)


def test_each_reads_what_the_other_writes(
    deployment_of_two: Deployment, builds: tuple[Build, Build], request: pytest.FixtureRequest
) -> None:
    (before, after), deployment = builds, deployment_of_two
    with Case(deployment, f"side by side, there and back, {request.node.callspec.id}") as case:
        phases = Phases(case)
        case.begin()
        phases.play(before)
        replace_in_turn(case, phases, after, before)
        replace_in_turn(case, phases, before, after)
        phases.read(before)
        phases.read(after)
        assert has_both(values_in_redis(deployment, "*:claims:*"))
        phases.forget_in_redis()
        phases.nobody_is_pushed_again("that the Table has")

        result = case.check()
        request.config.stash[CASE_RESULTS].append(result)
        assert result.failures == ()
    topics = deployment.topics
    kept = (*topics.inputs.values(), topics.decisions, topics.dead_letters, topics.kill_switches, topics.push_sends)
    written = [topic.name for topic in kept if topic != topics.source]
    assert [name for name in written if not has_both(records_on(deployment, name))] == []
