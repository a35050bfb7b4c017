"""A worker dies between the charge of a control user and everything that tells of it: the same answer comes again."""

import signal

import msgspec
import pytest

from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules.control import Arm, arm_of
from saving_alerts.domain.rules_file.compiler import read_rules
from saving_alerts.failpoints import Failpoint
from tests.end_to_end.shoppers import long_freshness_rules, visit
from tests.faults.case import Case
from tests.faults.deployment import Deployment
from tests.faults.deployment_spec import DeploymentSpec
from tests.faults.rounds import ROUNDS

RULES = msgspec.json.encode({**msgspec.json.decode(long_freshness_rules()), "control_percent": 50})
USERS = 60
ANSWER_TIMEOUT_SECONDS = 60

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(240),
    pytest.mark.parametrize(
        "deployment", [pytest.param(DeploymentSpec(rules=RULES), id=pytest.HIDDEN_PARAM)], indirect=True
    ),
]


@pytest.mark.parametrize("number", ROUNDS)
@pytest.mark.parametrize("failpoint", [pytest.param(Failpoint.AFTER_CONTROL_CHARGE, id="after_control_charge")])
def test_who_is_kept_back_gets_nothing_and_is_charged_once(
    deployment: Deployment, case: Case, failpoint: Failpoint, number: int
) -> None:
    target = deployment.workers[(len(deployment.deaths) + number) % len(deployment.workers)]
    deployment.restart(target, {"SAVING_ALERTS_FAILPOINT": f"{failpoint}:{1 + number}"})
    users = [case.user(f"{number}-{each}") for each in range(USERS)]
    control = read_rules(RULES).control
    kept_back = {user for user in users if arm_of(user, control, None) == Arm(is_control=True, percent=50)}

    case.write([visit(f"{user}-first", user) for user in users], expect=set(users) - kept_back)
    death = case.death_of(target)
    wait_until_answered(deployment, case, [f"{user}-first" for user in users])
    case.write([visit(f"{user}-second", user) for user in users])
    wait_until_answered(deployment, case, [f"{user}-second" for user in users])

    assert death.exit_code == -signal.SIGKILL
    assert case.check().failures == ()
    assert not kept_back & {push.push.user_id for push in case.pushes()}
    assert kept_back
    first = {user: case.reason(f"{user}-first") for user in users}
    assert first == {user: Reason.CONTROL if user in kept_back else Reason.PUSHED for user in users}
    assert {case.reason(f"{user}-second") for user in users} == {Reason.CAPPED}


def wait_until_answered(deployment: Deployment, case: Case, events: list[str]) -> None:
    deployment.wait_until(lambda: all(map(case.reason, events)), ANSWER_TIMEOUT_SECONDS, "all are answered")
