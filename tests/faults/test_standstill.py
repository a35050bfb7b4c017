"""The watchdog of real workers: it gives up a worker that stands still for good, and none that only waits."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from confluent_kafka import Consumer

from demo.stub_apis.faults import Behaviour
from demo.workers.worker_process import RESTART, WorkerProcess, command_line
from tests.end_to_end.conditions import wait_until
from tests.end_to_end.shoppers import visit
from tests.faults.case import Case
from tests.faults.crew import Crew
from tests.faults.shape import Shape

STANDSTILL_SECONDS = 10
REBALANCE_TIMEOUT_SECONDS = 8
# Longer than any patience of these workers.
LONG_SECONDS = STANDSTILL_SECONDS + REBALANCE_TIMEOUT_SECONDS + 8
ALARM_TIMEOUT_SECONDS = 60
PATIENT_GROUP = {
    "SAVING_ALERTS_SESSION_TIMEOUT_SECONDS": "120",
    "SAVING_ALERTS_REBALANCE_TIMEOUT_SECONDS": "120",
}


@dataclass(frozen=True, slots=True)
class Impatient(Shape):
    """Workers that give up soon; one of three has no partition."""

    @property
    def settings(self) -> dict[str, str]:
        return {
            **Shape.settings.fget(self),  # type: ignore[attr-defined]
            "SAVING_ALERTS_STANDSTILL_SECONDS": str(STANDSTILL_SECONDS),
            "SAVING_ALERTS_REBALANCE_TIMEOUT_SECONDS": str(REBALANCE_TIMEOUT_SECONDS),
        }


pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(240),
    pytest.mark.parametrize(
        "crew", [pytest.param(Impatient(partitions=2, workers=3), id=pytest.HIDDEN_PARAM)], indirect=True
    ),
]


def all_stay(crew: Crew, seconds: float) -> bool:
    """Whether no worker ends for so long."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not all(worker.is_running() for worker in crew.workers):
            return False
        crew.watch.wait_for_any_news(0.2)
    return True


@pytest.mark.long
def test_idle_workers_and_a_spare_stay(crew: Crew, case: Case) -> None:
    assert all_stay(crew, LONG_SECONDS)


def test_workers_stay_while_the_coupon_api_hangs(crew: Crew, case: Case) -> None:
    users = [case.user(f"{number}") for number in range(40)]
    crew.world.coupon_api.behave(Behaviour(fault="hang"))
    case.write((visit(user, user) for user in users), expect=users)

    assert all_stay(crew, LONG_SECONDS)

    crew.world.coupon_api.recover()
    assert case.check().failures == ()


def test_workers_stay_while_kafka_is_away(crew: Crew, case: Case) -> None:
    case.write([visit(case.user("before"), case.user("before"))], expect=[case.user("before")])
    crew.cluster.kill_all()

    stayed = all_stay(crew, LONG_SECONDS)
    crew.cluster.start_all()
    crew.cluster.wait_until_ready()
    case.write([visit(case.user("after"), case.user("after"))], expect=[case.user("after")])

    assert stayed
    assert case.check().failures == ()


def test_a_paused_worker_stays_when_it_wakes(crew: Crew, case: Case) -> None:
    sleeper = next(worker for worker in crew.workers if crew.shares[worker.name])
    users = [case.user(f"{number}") for number in range(40)]
    sleeper.pause()
    case.write((visit(user, user) for user in users), expect=users)
    case.wait_until_answered()

    sleeper.wake()

    assert all_stay(crew, LONG_SECONDS)
    assert case.check().failures == ()


def test_a_worker_whose_group_refuses_it_for_good_exits_to_be_restarted(crew: Crew) -> None:
    """A member with another assignor makes JoinGroup fail with an error that the driver does not survive."""
    shape = group_of_its_own(crew, "foreign")
    member = foreign_member(crew, shape)

    worker = crew.world.start_worker(shape.settings)
    code = exit_code(worker, lambda: member.poll(0.1))
    member.close()

    assert code == RESTART
    assert "coordinator is parked" in worker.log()


def test_a_rebalance_that_does_not_end_makes_a_worker_exit(crew: Crew) -> None:
    """A member that sleeps, and whose session outlives everybody's patience, holds the group up."""
    shape = group_of_its_own(crew, "stuck")
    sleeper = crew.world.start_worker({**shape.settings, **PATIENT_GROUP})
    sleeper.wait_until_ready()
    sleeper.pause()

    worker = crew.world.start_worker(shape.settings)
    code = exit_code(worker, lambda: crew.watch.wait_for_any_news(0.1))
    sleeper.kill()

    assert code == RESTART
    assert "the worker is not in its group" in worker.log()


def group_of_its_own(crew: Crew, name: str) -> Shape:
    shape = Impatient(partitions=2, workers=1, group=name, source=f"{name}-events")
    created = command_line(["topics", "create"], {**crew.world.environment, **shape.settings})
    assert created.returncode == 0, created.stderr
    return shape


def foreign_member(crew: Crew, shape: Shape) -> Consumer:
    member = Consumer(
        {
            "bootstrap.servers": crew.world.bootstrap_servers,
            "group.id": shape.group,
            "partition.assignment.strategy": "range",
        }
    )
    member.subscribe([shape.topics.source.name])

    def is_member() -> bool:
        member.poll(0.1)
        return bool(member.assignment())

    wait_until(is_member, ALARM_TIMEOUT_SECONDS, "the foreign member is in the group")
    return member


def exit_code(worker: WorkerProcess, look: Callable[[], object]) -> int | None:
    """How the worker ends, or None when it does not."""
    give_up_at = time.monotonic() + ALARM_TIMEOUT_SECONDS
    while worker.is_running() and time.monotonic() < give_up_at:
        look()
    return worker.exit_code
