"""Two worker processes in the embedded world: every event gets the answer it must have, every push arrives once."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from demo.checks.decision_consumer import DecisionConsumer
from demo.checks.traffic_check import TrafficResult, check_traffic
from demo.traffic import make_traffic
from demo.traffic.traffic_producer import TrafficProducer
from demo.workers.worker_process import WorkerProcess, command_line
from demo.world import World

pytestmark = pytest.mark.timeout(200)

SEED = 7
EVENTS = 600
EVENTS_PER_SECOND = 200
ANSWER_TIMEOUT_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Played:
    """The world after the traffic."""

    world: World
    workers: list[WorkerProcess]
    result: TrafficResult


@pytest.fixture(scope="module")
def played() -> Iterator[Played]:
    with World() as world:
        world.publish_reference_data()
        workers = [world.start_worker() for _ in range(2)]
        for worker in workers:
            worker.wait_until_ready()
        yield Played(world, workers, play(world))


def play(world: World) -> TrafficResult:
    traffic = make_traffic(SEED, EVENTS)
    world.teach_apis(traffic)
    with DecisionConsumer(world.bootstrap_servers, world.topics.decisions.name) as decisions:
        producer = TrafficProducer(world.bootstrap_servers, world.topics.source.name, decisions)
        producer.produce(traffic, EVENTS_PER_SECOND, lambda _: None)
        decisions.wait_for_answers(EVENTS, ANSWER_TIMEOUT_SECONDS)
        return check_traffic(traffic, producer, decisions, world.push_api)


def test_every_event_and_every_push_is_as_planned(played: Played) -> None:
    assert played.result.failures == ()


def test_every_expected_push_is_among_the_accepted_ones(played: Played) -> None:
    assert 0 < played.result.expected_pushes <= played.result.pushes


def test_the_audit_accounts_for_every_event(played: Played) -> None:
    audit = command_line(["audit"], played.world.environment)

    assert f"{EVENTS} source offsets: {EVENTS} answered, 0 pending, 0 missing" in audit.stdout
    assert audit.returncode == 0, audit.stdout + audit.stderr


def test_workers_that_are_told_to_stop_end_without_an_error(played: Played) -> None:
    assert [worker.stop() for worker in played.workers] == [0, 0]
