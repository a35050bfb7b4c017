"""kill -9 of every worker in turn, under all the kinds of events that the demo has."""

import time
from dataclasses import dataclass

import pytest

from demo.checks.case_result import CaseResult, doubled
from demo.traffic import Traffic, make_traffic, rules_json
from demo.traffic.traffic_producer import TrafficProducer
from demo.workers.worker_process import command_line
from tests.faults.case_results import CASE_RESULTS
from tests.faults.deployment import Deployment
from tests.faults.deployment_spec import DeploymentSpec

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(300),
    pytest.mark.parametrize(
        "deployment", [pytest.param(DeploymentSpec(rules=rules_json()), id=pytest.HIDDEN_PARAM)], indirect=True
    ),
]

SEED = 21
EVENTS = 4_500
EVENTS_PER_SECOND = 150
KILL_EVERY_EVENTS = 1_500
ANSWER_TIMEOUT_SECONDS = 120
COMMIT_TIMEOUT_SECONDS = 30


@dataclass(slots=True)
class WorkerKiller:
    """Kills a worker whenever enough events were written, and starts it again at once, as a supervisor would."""

    deployment: Deployment
    written: int = 0
    kills: int = 0

    def advance(self, more: int) -> None:
        self.written += more
        if self.written % KILL_EVERY_EVENTS == 0:
            target = self.deployment.workers[self.kills % len(self.deployment.workers)]
            target.kill()
            target.start()
            self.kills += 1


def produce_and_kill(deployment: Deployment, traffic: Traffic) -> tuple[CaseResult, int]:
    """The result, and how many workers were killed."""
    began, killer = time.monotonic(), WorkerKiller(deployment)
    producer = TrafficProducer(deployment.world.bootstrap_servers, deployment.topics.source.name, deployment.decisions)
    producer.produce(traffic, EVENTS_PER_SECOND, killer.advance)
    deployment.wait_until(
        lambda: not unanswered(deployment, producer), ANSWER_TIMEOUT_SECONDS, "every event has its answer"
    )
    deployment.wait_until(deployment.offsets.is_caught_up, COMMIT_TIMEOUT_SECONDS, "everything is committed")
    deployment.decisions.wait_until_read(COMMIT_TIMEOUT_SECONDS)
    return case_result(deployment, traffic, producer, time.monotonic() - began), killer.kills


def unanswered(deployment: Deployment, producer: TrafficProducer) -> list[int]:
    return [number for number, position in producer.positions.items() if deployment.decisions.reason(position) is None]


def case_result(deployment: Deployment, traffic: Traffic, producer: TrafficProducer, seconds: float) -> CaseResult:
    pushes = deployment.world.push_api.accepted
    accepted = {push.idempotency_key for push in pushes}
    return CaseResult(
        case="every worker is killed in turn",
        events=len(traffic.events),
        lost=tuple(map(str, unanswered(deployment, producer))),
        doubled=doubled(pushes),
        silenced=tuple(sorted(traffic.expected_pushes - accepted)),
        late=tuple(push.push.user_id for push in deployment.world.push_api.late),
        wrong=tuple(deployment.world.push_api.violations),
        echoes=sum(map(deployment.decisions.echoes, producer.positions.values())),
        gap_seconds=None,
        seconds=seconds,
    )


def test_nothing_is_broken_and_the_audit_agrees(deployment: Deployment, request: pytest.FixtureRequest) -> None:
    traffic = make_traffic(SEED, EVENTS)
    deployment.world.teach_apis(traffic)

    result, kills = produce_and_kill(deployment, traffic)

    request.config.stash[CASE_RESULTS].append(result)
    audit = command_line(["audit"], deployment.environment)
    assert kills == EVENTS // KILL_EVERY_EVENTS
    assert result.failures == ()
    assert audit.returncode == 0, audit.stdout
