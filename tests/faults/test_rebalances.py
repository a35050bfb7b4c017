"""Workers stop, start, die and are replaced under load: others take over soon, and nothing is lost or doubled."""

import time
from collections.abc import Iterator, Sequence

import pytest

from demo.stub_apis.faults import Behaviour
from saving_alerts.domain.decisions import Stage
from tests.end_to_end.conditions import in_flight
from tests.end_to_end.shoppers import visit
from tests.faults.case import Case
from tests.faults.case_results import CASE_RESULTS
from tests.faults.deployment import Deployment
from tests.faults.deployment_spec import DRAIN_SECONDS, SESSION_TIMEOUT_SECONDS, DeploymentSpec

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(240),
    pytest.mark.parametrize("deployment", [pytest.param(DeploymentSpec(), id=pytest.HIDDEN_PARAM)], indirect=True),
]

KILL_GAP_SECONDS = SESSION_TIMEOUT_SECONDS + 10
# What a takeover takes beyond the session: a heartbeat, the second that a drain gives, joining, and the Table.
TAKEOVER_SECONDS = 5
STOP_GAP_SECONDS = 5
HANGING = 120
BUSY_PER_SECOND = 150
TURNS = 6
FEW = DeploymentSpec(partitions=2, workers=3, group="few", source="few-events")


def marks(number: int) -> Sequence[pytest.MarkDecorator]:
    """Only the first round is in `make test-faults`."""
    return () if number == 1 else (pytest.mark.long,)


@pytest.fixture
def deployment_with_a_spare(deployment: Deployment) -> Iterator[Deployment]:
    with Deployment(deployment.world, deployment.cluster, FEW) as few:
        yield few


def test_every_worker_is_restarted_in_turn(deployment: Deployment, case: Case) -> None:
    case.begin()

    for worker in list(deployment.workers):
        stopped = deployment.restart(worker)
        case.wait_until_worked_on(stopped.partitions, stopped.requested_at, stopped.exited_at)

    result = case.check()
    assert result.failures == ()
    assert result.gap_seconds is not None
    assert result.gap_seconds < STOP_GAP_SECONDS


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    "number", [pytest.param(number, id=f"rebalances, round {number}", marks=marks(number)) for number in range(1, 6)]
)
def test_workers_come_and_go_again_and_again(deployment: Deployment, case: Case, number: int) -> None:
    """Most of what Faust can lose in a rebalance it loses by a race, in about one of fifty rebalances."""
    case.begin(BUSY_PER_SECOND)

    for turn in range(TURNS):
        worker = deployment.workers[(turn + number) % len(deployment.workers)]
        if turn % 3 == 0:
            worker.kill()
            case.death_of(worker)
            deployment.wait_until_stable()
        else:
            deployment.restart(worker)

    assert case.check().failures == ()


def test_one_worker_becomes_three_and_one_again(deployment: Deployment, case: Case) -> None:
    for worker in deployment.workers[1:]:
        deployment.remove_worker(worker)
    deployment.wait_until_stable()
    case.begin()

    deployment.add_worker()
    deployment.add_worker()
    deployment.wait_until_stable()
    for worker in deployment.workers[1:]:
        stopped = deployment.remove_worker(worker)
        case.wait_until_worked_on(stopped.partitions, stopped.requested_at, stopped.exited_at)
        deployment.wait_until_stable()

    result = case.check()
    assert result.failures == ()
    assert result.gap_seconds is not None
    assert result.gap_seconds < STOP_GAP_SECONDS


def test_one_of_three_is_killed_and_the_others_take_over(deployment: Deployment, case: Case) -> None:
    case.begin()
    deployment.wait_until(lambda: len(case.pushes()) > 0, KILL_GAP_SECONDS, "pushes go out")

    stopped = deployment.kill_worker(deployment.workers[0])
    case.wait_until_worked_on(stopped.partitions, stopped.requested_at)

    result = case.check()
    assert result.failures == ()
    assert result.gap_seconds is not None
    assert result.gap_seconds < KILL_GAP_SECONDS


def test_work_that_hangs_holds_up_neither_a_stop_nor_a_rebalance(deployment: Deployment, case: Case) -> None:
    users = [case.user(f"hangs-{number}") for number in range(HANGING)]
    deployment.world.coupon_api.behave(Behaviour(fault="hang"))
    case.write([visit(user, user) for user in users], HANGING, expect=users)
    deployment.wait_until(lambda: total_in_flight(deployment) == HANGING, KILL_GAP_SECONDS, "all of it hangs")

    began = time.monotonic()
    stopped = deployment.restart(deployment.workers[0])
    seconds = time.monotonic() - began
    deployment.wait_until(lambda: total_in_flight(deployment) == HANGING, KILL_GAP_SECONDS, "all of it hangs again")
    deployment.world.coupon_api.recover()

    assert (stopped.exited_at - stopped.requested_at).total_seconds() < STOP_GAP_SECONDS
    assert seconds < 2 * (DRAIN_SECONDS + SESSION_TIMEOUT_SECONDS)
    assert case.check().failures == ()


@pytest.mark.parametrize(
    ("api", "behaviour"),
    [
        pytest.param("coupon_api", Behaviour(fault="hang"), id="a takeover while the Coupon API hangs"),
        pytest.param("push_api", Behaviour(fault="status", status=500), id="a takeover while the push API answers 500"),
    ],
)
def test_a_takeover_does_not_wait_for_events_that_an_api_keeps(
    deployment: Deployment, case: Case, api: str, behaviour: Behaviour
) -> None:
    stage = Stage.QUERY_COUPONS if api == "coupon_api" else Stage.DISPATCH_PUSH
    users = [case.user(f"waits-{number}") for number in range(HANGING)]
    stub = getattr(deployment.world, api)
    stub.behave(behaviour)
    case.write([visit(user, user) for user in users], HANGING, expect=users)
    deployment.wait_until(lambda: total_in_flight(deployment, stage) == HANGING, KILL_GAP_SECONDS, "all of it waits")
    case.begin()

    stopped = deployment.kill_worker(deployment.workers[0])
    case.wait_until_worked_on(stopped.partitions, stopped.requested_at)
    stub.recover()

    result = case.check()
    assert result.failures == ()
    assert result.gap_seconds is not None
    assert result.gap_seconds < SESSION_TIMEOUT_SECONDS + TAKEOVER_SECONDS


def total_in_flight(deployment: Deployment, stage: Stage = Stage.QUERY_COUPONS) -> int:
    return sum(in_flight(worker, stage) for worker in deployment.workers)


def test_a_spare_takes_over_from_one_that_is_killed(
    deployment_with_a_spare: Deployment, request: pytest.FixtureRequest
) -> None:
    deployment = deployment_with_a_spare
    with Case(deployment, "a spare takes over from one that is killed") as case:
        spare = next(worker for worker in deployment.workers if not deployment.assignments[worker.name])
        target = next(worker for worker in deployment.workers if worker is not spare)
        case.begin()
        deployment.wait_until(lambda: len(case.pushes()) > 0, KILL_GAP_SECONDS, "pushes go out")

        stopped = deployment.kill_worker(target)
        case.wait_until_worked_on(stopped.partitions, stopped.requested_at)

        result = case.check()
    request.config.stash[CASE_RESULTS].append(result)
    assert tuple(deployment.assignments[spare.name]) == stopped.partitions
    assert result.failures == ()
    assert result.gap_seconds is not None
    assert result.gap_seconds < KILL_GAP_SECONDS
