"""Two workers and the commands of an operator: a switch stops pushes until it is off, and a dry run sends none."""

from collections.abc import Iterator

import pytest

from demo.checks.decision_consumer import DecisionConsumer
from demo.traffic import merchants_jsonl
from demo.traffic.paced_producer import PacedProducer
from demo.workers.worker_process import command_line
from demo.world import World
from saving_alerts.domain.reasons import Reason
from tests.end_to_end.shoppers import good_coupons, long_freshness_rules, visit

ANSWER_SECONDS = 60
PER_SECOND = 100


class RunningDeployment:
    """Produces events and reads how they end."""

    def __init__(self, world: World, decisions: DecisionConsumer) -> None:
        self.world = world
        self._decisions = decisions
        self._producer = PacedProducer(world.bootstrap_servers, world.topics.source.name)

    def reasons(self, name: str) -> set[Reason | None]:
        """How the events of twenty new shoppers end."""
        users = [f"u-{name}-{number}" for number in range(20)]
        self._producer.write((visit(user, user) for user in users), PER_SECOND)
        positions = [self._producer.positions[user] for user in users]
        assert all(self._decisions.wait_for(position, ANSWER_SECONDS) for position in positions)
        return {self._decisions.reason(position) for position in positions}

    def kill(self, *arguments: str) -> str:
        ended = command_line(["kill", *arguments], self.world.environment)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout


def publish_reference_data(world: World) -> None:
    world.s3.put("rules.json", long_freshness_rules())
    world.s3.put("merchants.jsonl", merchants_jsonl())
    world.coupon_api.coupons = good_coupons


@pytest.fixture(scope="module")
def deployment() -> Iterator[RunningDeployment]:
    with World() as world, DecisionConsumer(world.bootstrap_servers, world.topics.decisions.name) as decisions:
        publish_reference_data(world)
        workers = [world.start_worker(), world.start_worker()]
        for worker in workers:
            worker.wait_until_ready()
        yield RunningDeployment(world, decisions)


@pytest.mark.timeout(240)
def test_a_switch_stops_all_pushes_until_it_is_turned_off(deployment: RunningDeployment) -> None:
    before = deployment.reasons("before")
    deployment.kill("on", "all", "--reason", "wrong prices", "--by", "ines", "--wait")
    listed, killed = deployment.kill("list"), deployment.reasons("killed")
    requests = len(deployment.world.push_api.accepted)
    deployment.kill("off", "all", "--wait")
    after = deployment.reasons("after")

    assert (before, killed, after) == ({Reason.PUSHED}, {Reason.KILLED}, {Reason.PUSHED})
    assert requests == 20
    assert "by ines: wrong prices" in listed


def test_without_a_switch_the_list_says_so(deployment: RunningDeployment) -> None:
    assert deployment.kill("list") == "no kill switch is on\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["on", "merchant", "--reason", "r", "--by", "b"], "needs an ID", id="no merchant"),
        pytest.param(["off", "all", "m-1"], "no ID goes with `all`", id="all of something"),
    ],
)
def test_a_switch_that_means_nothing_is_refused(
    deployment: RunningDeployment, arguments: list[str], message: str
) -> None:
    ended = command_line(["kill", *arguments], deployment.world.environment)

    assert ended.returncode == 2
    assert message in ended.stderr


@pytest.mark.timeout(240)
def test_a_dry_run_does_everything_but_the_request() -> None:
    dry = World(settings={"SAVING_ALERTS_DRY_RUN": "true"})
    with dry as world, DecisionConsumer(world.bootstrap_servers, world.topics.decisions.name) as decisions:
        publish_reference_data(world)
        world.start_worker().wait_until_ready()

        reasons = RunningDeployment(world, decisions).reasons("dry")

        assert reasons == {Reason.WOULD_PUSH}
        assert world.push_api.accepted == []
