"""Workers stop, start, die and are replaced under load: the work goes on soon, and nothing is broken."""

import time
from collections.abc import Iterator, Sequence

import pytest

from demo.stub_apis.faults import Behaviour
from saving_alerts.domain.decisions import Stage
from tests.end_to_end.shoppers import visit
from tests.faults.case import Case
from tests.faults.case_results import CASE_RESULTS
from tests.faults.crew import Crew, in_flight
from tests.faults.shape import DRAIN_SECONDS, SESSION_TIMEOUT_SECONDS, Shape

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(240),
    pytest.mark.parametrize("crew", [pytest.param(Shape(), id=pytest.HIDDEN_PARAM)], indirect=True),
]

KILL_GAP_SECONDS = SESSION_TIMEOUT_SECONDS + 10
STOP_GAP_SECONDS = 5
HANGING = 120
BUSY_PER_SECOND = 150
TURNS = 6
FEW = Shape(partitions=2, workers=3, group="few", source="few-events")


def marks(number: int) -> Sequence[pytest.MarkDecorator]:
    """The first round is for every day."""
    return () if number == 1 else (pytest.mark.long,)


@pytest.fixture
def crew_with_a_spare(crew: Crew) -> Iterator[Crew]:
    with Crew(crew.world, crew.cluster, FEW) as few:
        yield few


def test_every_worker_is_restarted_in_turn(crew: Crew, case: Case) -> None:
    case.begin()

    for worker in list(crew.workers):
        leave = crew.restart(worker)
        case.wait_until_worked_on(leave.partitions, leave.told_at, leave.gone_at)

    result = case.check()
    assert result.failures == ()
    assert result.gap_seconds is not None
    assert result.gap_seconds < STOP_GAP_SECONDS


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    "number", [pytest.param(number, id=f"rebalances, round {number}", marks=marks(number)) for number in range(1, 6)]
)
def test_workers_come_and_go_again_and_again(crew: Crew, case: Case, number: int) -> None:
    """Most of what Faust can lose in a rebalance it loses by a race: one in fifty or so."""
    case.begin(BUSY_PER_SECOND)

    for turn in range(TURNS):
        worker = crew.workers[(turn + number) % len(crew.workers)]
        if turn % 3 == 0:
            worker.kill()
            case.death_of(worker)
            crew.wait_until_settled()
        else:
            crew.restart(worker)

    assert case.check().failures == ()


def test_one_worker_becomes_three_and_one_again(crew: Crew, case: Case) -> None:
    for worker in crew.workers[1:]:
        crew.send_home(worker)
    crew.wait_until_settled()
    case.begin()

    crew.hire()
    crew.hire()
    crew.wait_until_settled()
    for worker in crew.workers[1:]:
        leave = crew.send_home(worker)
        case.wait_until_worked_on(leave.partitions, leave.told_at, leave.gone_at)
        crew.wait_until_settled()

    result = case.check()
    assert result.failures == ()
    assert result.gap_seconds is not None
    assert result.gap_seconds < STOP_GAP_SECONDS


def test_one_of_three_is_killed_and_the_others_take_over(crew: Crew, case: Case) -> None:
    case.begin()
    crew.wait_until(lambda: len(case.pushes()) > 0, KILL_GAP_SECONDS, "pushes go out")

    leave = crew.bury(crew.workers[0])
    case.wait_until_worked_on(leave.partitions, leave.told_at)

    result = case.check()
    assert result.failures == ()
    assert result.gap_seconds is not None
    assert result.gap_seconds < KILL_GAP_SECONDS


def test_work_that_hangs_holds_up_neither_a_stop_nor_a_rebalance(crew: Crew, case: Case) -> None:
    users = [case.user(f"hangs-{number}") for number in range(HANGING)]
    crew.world.coupon_api.behave(Behaviour(fault="hang"))
    case.write([visit(user, user) for user in users], HANGING, expect=users)
    crew.wait_until(lambda: held(crew) == HANGING, KILL_GAP_SECONDS, "all of it hangs")

    began = time.monotonic()
    leave = crew.restart(crew.workers[0])
    seconds = time.monotonic() - began
    crew.wait_until(lambda: held(crew) == HANGING, KILL_GAP_SECONDS, "all of it hangs again")
    crew.world.coupon_api.recover()

    assert (leave.gone_at - leave.told_at).total_seconds() < DRAIN_SECONDS + 5
    assert seconds < 2 * (DRAIN_SECONDS + SESSION_TIMEOUT_SECONDS)
    assert case.check().failures == ()


def held(crew: Crew) -> int:
    return sum(in_flight(worker, Stage.QUERY_COUPONS) for worker in crew.workers)


def test_a_spare_takes_over_from_one_that_is_killed(crew_with_a_spare: Crew, request: pytest.FixtureRequest) -> None:
    crew = crew_with_a_spare
    with Case(crew, "a spare takes over from one that is killed") as case:
        spare = next(worker for worker in crew.workers if not crew.shares[worker.name])
        victim = next(worker for worker in crew.workers if worker is not spare)
        case.begin()
        crew.wait_until(lambda: len(case.pushes()) > 0, KILL_GAP_SECONDS, "pushes go out")

        leave = crew.bury(victim)
        case.wait_until_worked_on(leave.partitions, leave.told_at)

        result = case.check()
    request.config.stash[CASE_RESULTS].append(result)
    assert tuple(crew.shares[spare.name]) == leave.partitions
    assert result.failures == ()
    assert result.gap_seconds is not None
    assert result.gap_seconds < KILL_GAP_SECONDS
