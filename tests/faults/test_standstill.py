"""The watchdog of real workers: it ends a worker that makes no progress for good, and none that only waits."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import pytest
from confluent_kafka import Consumer

from demo.stub_apis.faults import Behaviour
from demo.workers.worker_process import WorkerProcess, command_line
from saving_alerts.domain.decisions import Stage
from saving_alerts.domain.reasons import Reason
from saving_alerts.exit_codes import RESTART
from tests.end_to_end.conditions import in_flight, wait_until
from tests.end_to_end.shoppers import FRESHNESS, visit
from tests.faults.case import Case
from tests.faults.deployment import Deployment
from tests.faults.deployment_spec import CLAIM_LEASE_SECONDS, DeploymentSpec

STANDSTILL_SECONDS = 10
REBALANCE_TIMEOUT_SECONDS = 15
# Longer than all timeouts of the watchdog together.
LONGER_THAN_TIMEOUTS_SECONDS = STANDSTILL_SECONDS + REBALANCE_TIMEOUT_SECONDS + 8
EXIT_TIMEOUT_SECONDS = 60
LONG_GROUP_TIMEOUTS = {
    "SAVING_ALERTS_SESSION_TIMEOUT_SECONDS": "120",
    "SAVING_ALERTS_REBALANCE_TIMEOUT_SECONDS": "120",
}


@dataclass(frozen=True, slots=True)
class ShortTimeouts(DeploymentSpec):
    """Short timeouts of the watchdog; one of three workers has no partition."""

    @property
    def settings(self) -> dict[str, str]:
        return {
            **DeploymentSpec.settings.fget(self),  # type: ignore[attr-defined]
            "SAVING_ALERTS_STANDSTILL_SECONDS": str(STANDSTILL_SECONDS),
            "SAVING_ALERTS_REBALANCE_TIMEOUT_SECONDS": str(REBALANCE_TIMEOUT_SECONDS),
        }


# Kafka is killed while the APIs keep events, which have so much longer to live.
KEPT_SECONDS = 30
LEFT = timedelta(seconds=15)
USERS = 10

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(240),
    pytest.mark.parametrize(
        "deployment", [pytest.param(ShortTimeouts(partitions=2, workers=3), id=pytest.HIDDEN_PARAM)], indirect=True
    ),
]


def all_are_in(deployment: Deployment, stage: Stage) -> bool:
    """Whether so many events as a test has users are in the stage."""
    return sum(in_flight(worker, stage) for worker in deployment.workers) >= USERS


def all_keep_running(deployment: Deployment, seconds: float) -> bool:
    """Whether no worker ends for so long."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not all(worker.is_running() for worker in deployment.workers):
            return False
        deployment.decisions.wait_for_change(0.2)
    return True


@pytest.mark.long
def test_idle_workers_and_a_spare_stay(deployment: Deployment, case: Case) -> None:
    assert all_keep_running(deployment, LONGER_THAN_TIMEOUTS_SECONDS)


def test_workers_stay_while_the_coupon_api_hangs(deployment: Deployment, case: Case) -> None:
    users = [case.user(f"{number}") for number in range(40)]
    deployment.world.coupon_api.behave(Behaviour(fault="hang"))
    case.write((visit(user, user) for user in users), expect=users)

    assert all_keep_running(deployment, LONGER_THAN_TIMEOUTS_SECONDS)

    deployment.world.coupon_api.recover()
    assert case.check().failures == ()


def test_workers_stay_while_kafka_is_away(deployment: Deployment, case: Case) -> None:
    case.write([visit(case.user("before"), case.user("before"))], expect=[case.user("before")])
    deployment.cluster.kill_all()

    kept_running = all_keep_running(deployment, LONGER_THAN_TIMEOUTS_SECONDS)
    deployment.cluster.start_all()
    deployment.cluster.wait_until_ready()
    case.write([visit(case.user("after"), case.user("after"))], expect=[case.user("after")])

    assert kept_running
    assert case.check().failures == ()


def test_workers_stay_while_steps_wait_for_kafka_beyond_their_deadlines(deployment: Deployment, case: Case) -> None:
    """Accepted pushes wait for their entry in the Table: whoever ends the worker makes `push_uncertain` of them."""
    asked = [case.user(f"asked-{number}") for number in range(USERS)]
    pushed = [case.user(f"pushed-{number}") for number in range(USERS)]
    for user in asked:
        deployment.world.coupon_api.behave(Behaviour(fault="hang"), user_id=user)
    for user in pushed:
        deployment.world.push_api.behave(Behaviour(fault="hang"), user_id=user)
    case.write([visit(user, user, age=FRESHNESS - LEFT) for user in (*asked, *pushed)], expect=pushed)
    for stage in (Stage.QUERY_COUPONS, Stage.DISPATCH_PUSH):
        wait_until(partial(all_are_in, deployment, stage), KEPT_SECONDS, f"{USERS} events are in {stage}")
    deployment.cluster.kill_all()
    deployment.world.coupon_api.recover()
    deployment.world.push_api.recover()

    kept_running = all_keep_running(deployment, LEFT.seconds + CLAIM_LEASE_SECONDS + LONGER_THAN_TIMEOUTS_SECONDS)
    deployment.cluster.start_all()
    deployment.cluster.wait_until_ready()

    assert kept_running
    assert case.check().failures == ()
    assert {reason for user in pushed for reason in case.reasons(user)} == {Reason.PUSHED}


def test_a_paused_worker_stays_when_it_wakes(deployment: Deployment, case: Case) -> None:
    paused = next(worker for worker in deployment.workers if deployment.assignments[worker.name])
    users = [case.user(f"{number}") for number in range(40)]
    paused.pause()
    case.write((visit(user, user) for user in users), expect=users)
    case.wait_until_answered()

    paused.resume()

    assert all_keep_running(deployment, LONGER_THAN_TIMEOUTS_SECONDS)
    assert case.check().failures == ()


def test_a_worker_whose_group_refuses_it_for_good_exits_to_be_restarted(deployment: Deployment) -> None:
    """A member with another assignor makes JoinGroup fail with an error that the driver does not survive."""
    spec = group_of_its_own(deployment, "foreign")
    member = member_with_another_assignor(deployment, spec)

    worker = deployment.world.start_worker(spec.settings)
    code = exit_code(worker, lambda: member.poll(0.1))
    member.close()

    assert code == RESTART
    assert "coordinator is parked" in worker.log()


def test_a_rebalance_that_does_not_end_makes_a_worker_exit(deployment: Deployment) -> None:
    """A paused member with a long session blocks the rebalance."""
    spec = group_of_its_own(deployment, "stuck")
    paused = deployment.world.start_worker({**spec.settings, **LONG_GROUP_TIMEOUTS})
    paused.wait_until_ready()
    paused.pause()

    worker = deployment.world.start_worker(spec.settings)
    code = exit_code(worker, lambda: deployment.decisions.wait_for_change(0.1))
    paused.kill()

    assert code == RESTART
    assert "the worker is not in its group" in worker.log()


def group_of_its_own(deployment: Deployment, name: str) -> DeploymentSpec:
    spec = ShortTimeouts(partitions=2, workers=1, group=name, source=f"{name}-events")
    created = command_line(["topics", "create"], {**deployment.world.environment, **spec.settings})
    assert created.returncode == 0, created.stderr
    return spec


def member_with_another_assignor(deployment: Deployment, spec: DeploymentSpec) -> Consumer:
    member = Consumer(
        {
            "bootstrap.servers": deployment.world.bootstrap_servers,
            "group.id": spec.group,
            "partition.assignment.strategy": "range",
        }
    )
    member.subscribe([spec.topics.source.name])

    def is_member() -> bool:
        member.poll(0.1)
        return bool(member.assignment())

    wait_until(is_member, EXIT_TIMEOUT_SECONDS, "the foreign member is in the group")
    return member


def exit_code(worker: WorkerProcess, poll: Callable[[], object]) -> int | None:
    """How the worker ends, or None when it does not."""
    give_up_at = time.monotonic() + EXIT_TIMEOUT_SECONDS
    while worker.is_running() and time.monotonic() < give_up_at:
        poll()
    return worker.exit_code
