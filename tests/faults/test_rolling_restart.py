"""A rolling restart: every worker is stopped and started again, one after the other, as an upgrade does it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.faults.case import Case
from tests.faults.deployment import Deployment
from tests.faults.deployment_spec import DeploymentSpec

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(600),
    pytest.mark.parametrize("deployment", [pytest.param(DeploymentSpec(), id=pytest.HIDDEN_PARAM)], indirect=True),
]

FULL_PER_SECOND = 1_000
ONLY_OPEN = 93  # in a hundred events: most that happen on a phone are nothing that a rule listens to
BETWEEN = 10_000  # events from one worker to the next
BETWEEN_TIMEOUT_SECONDS = 150  # a machine that is busy with other things writes fewer a second
LONGEST_PAUSE_SECONDS = 5


def wait_for_events(deployment: Deployment, number: int) -> None:
    """Return when so many more have their answer."""
    wanted = deployment.decisions.answered + number
    deployment.wait_until(
        lambda: deployment.decisions.answered >= wanted, BETWEEN_TIMEOUT_SECONDS, f"{number} events are answered"
    )


@pytest.mark.long
def test_three_workers_are_replaced_one_after_the_other_under_a_thousand_events_a_second(
    deployment: Deployment, case: Case
) -> None:
    began = datetime.now(UTC)
    case.begin(FULL_PER_SECOND, ONLY_OPEN)
    for worker in list(deployment.workers):
        wait_for_events(deployment, BETWEEN)
        deployment.restart(worker)
    wait_for_events(deployment, BETWEEN)
    ended = datetime.now(UTC)
    case.stop()
    case.wait_until_answered()

    longest = case.note_longest_pause(began, ended)
    result = case.check()
    rate = result.events / (ended - began).total_seconds()
    case.result = replace(result, case=f"three workers are replaced in turn under {rate:,.0f} events/s")
    assert result.failures == ()
    assert longest < LONGEST_PAUSE_SECONDS
