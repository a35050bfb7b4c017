"""A thousand alerts wait out a pause that the push API asked for, on three workers: a switch stops them all."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from demo.checks.decision_consumer import Position
from demo.stub_apis.faults import Behaviour
from demo.traffic.paced_producer import PacedProducer, Record
from demo.workers.worker_process import command_line
from saving_alerts.domain.decisions import Stage
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.source_position import SourcePosition
from tests.end_to_end.conditions import in_flight
from tests.end_to_end.shoppers import PREPARED_OFFSET, prepared_alert
from tests.faults.deployment import Deployment
from tests.faults.deployment_spec import DeploymentSpec

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(240),
    pytest.mark.parametrize("deployment", [pytest.param(DeploymentSpec(), id=pytest.HIDDEN_PARAM)], indirect=True),
]

ALERTS = 1_000
FIRST = 2 * PREPARED_OFFSET
AT_ONCE = 1_000_000
RETRY_AFTER_SECONDS = 20
WAITING_TIMEOUT_SECONDS = 60
ANSWER_TIMEOUT_SECONDS = 90
REACTION = timedelta(seconds=1)


class Alerts:
    """Alerts ready to be pushed, and how they end. Their source offsets begin with `first`."""

    def __init__(self, deployment: Deployment, name: str, first: int) -> None:
        self._deployment = deployment
        self._name = name
        self._first = first
        self.positions: list[Position] = []

    def write(self, number: int) -> None:
        PacedProducer(self._deployment.world.bootstrap_servers, self._deployment.topics.alerts.name).write(
            self._records(number), AT_ONCE
        )

    def _records(self, number: int) -> Iterator[Record]:
        for index in range(number):
            position = index % self._deployment.spec.partitions, self._first + index
            self.positions.append(position)
            yield prepared_alert(
                f"{self._name}-{index}", SourcePosition(self._deployment.topics.source.name, *position)
            )

    def reasons(self) -> set[Reason | None]:
        return {self._deployment.decisions.reason(position) for position in self.positions}


def kill(deployment: Deployment, *arguments: str) -> datetime:
    """The moment at which the command returned."""
    ended = command_line(["kill", *arguments], deployment.environment)
    assert ended.returncode == 0, ended.stderr
    return datetime.now(UTC)


def waiting(deployment: Deployment) -> int:
    return sum(in_flight(worker, Stage.DISPATCH_PUSH) for worker in deployment.workers)


def test_no_attempt_begins_later_than_a_second_after_the_command_returned(deployment: Deployment) -> None:
    deployment.wait_until_stable()
    push_api = deployment.world.push_api
    push_api.behave(Behaviour(fault="status", status=429, retry_after_seconds=RETRY_AFTER_SECONDS))
    stopped, resumed = Alerts(deployment, "stopped", FIRST), Alerts(deployment, "let-go", FIRST + ALERTS)
    stopped.write(ALERTS)
    deployment.wait_until(lambda: waiting(deployment) == ALERTS, WAITING_TIMEOUT_SECONDS, "all alerts wait")

    returned_at = kill(deployment, "on", "all", "--reason", "wrong prices", "--by", "ines", "--wait")
    push_api.recover()
    deployment.wait_until(lambda: None not in stopped.reasons(), ANSWER_TIMEOUT_SECONDS, "all are answered")
    began = [request.at for request in push_api.requests]
    kill(deployment, "off", "all", "--reason", "prices are right", "--by", "ines", "--wait")
    resumed.write(100)
    deployment.wait_until(lambda: None not in resumed.reasons(), ANSWER_TIMEOUT_SECONDS, "the others are answered")

    assert [at for at in began if at > returned_at + REACTION] == []
    assert began
    assert stopped.reasons() == {Reason.KILLED}
    assert resumed.reasons() == {Reason.PUSHED}
