"""A worker dies while it gathers a user's alerts, or at the turn of one: one push for each user, nobody silenced."""

import signal
from collections import Counter

import msgspec
import pytest

from saving_alerts.domain.reasons import Reason
from saving_alerts.failpoints import Failpoint
from tests.end_to_end.shoppers import long_freshness_rules, visit
from tests.faults.case import Case
from tests.faults.deployment import Deployment
from tests.faults.deployment_spec import DeploymentSpec
from tests.faults.rounds import ROUNDS

# Nobody meets the cap: it is the slot that holds.
WIDE = [{"per": "user", "pushes": 9, "hours": 24}]
RULES = msgspec.json.encode({**msgspec.json.decode(long_freshness_rules()), "caps": WIDE, "choose_within_seconds": 5})
USERS = 40
OF_EACH = 3
SPREAD = USERS // 3  # those of the partitions of the worker that dies
ANSWER_TIMEOUT_SECONDS = 90

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(240),
    pytest.mark.parametrize(
        "deployment", [pytest.param(DeploymentSpec(rules=RULES), id=pytest.HIDDEN_PARAM)], indirect=True
    ),
]
FAILPOINTS = [
    pytest.param(Failpoint.WHILE_GATHERING, id="while_gathering"),
    pytest.param(Failpoint.AFTER_GATHERING, id="after_gathering"),
    pytest.param(Failpoint.AFTER_RESERVE, id="after_reserve of a slot", marks=pytest.mark.long),
    pytest.param(Failpoint.AFTER_CONFIRM, id="after_confirm of a slot"),
]


@pytest.mark.parametrize("number", ROUNDS)
@pytest.mark.parametrize("failpoint", FAILPOINTS)
def test_of_three_alerts_of_a_user_one_is_pushed(
    deployment: Deployment, case: Case, failpoint: Failpoint, number: int
) -> None:
    target = deployment.workers[(len(deployment.deaths) + number) % len(deployment.workers)]
    deployment.restart(target, {"SAVING_ALERTS_FAILPOINT": f"{failpoint}:{2 + number}"})
    users = [case.user(f"{number}-{each}") for each in range(USERS)]
    events = [f"{user}-{each}" for user in users for each in range(OF_EACH)]

    case.write([visit(event, event.rpartition("-")[0]) for event in events], expect=users)
    death = case.death_of(target)
    deployment.wait_until(lambda: all(map(case.reason, events)), ANSWER_TIMEOUT_SECONDS, "all are answered")

    assert death.exit_code == -signal.SIGKILL
    result = case.check()
    assert (result.lost, result.silenced, result.late, result.wrong) == ((), (), (), ())
    assert pushed_together(case, events) == []
    ended = Counter(map(case.reason, events))
    assert set(ended) == {Reason.PUSHED, Reason.OUTBID}
    # Events that the death has spread over the stages may come to dispatch too late for the first one's slot.
    assert USERS <= ended[Reason.PUSHED] <= USERS + SPREAD
    assert ended[Reason.PUSHED] == USERS or failpoint is Failpoint.WHILE_GATHERING


def pushed_together(case: Case, events: list[str]) -> list[tuple[str, str]]:
    """Two that were pushed, although they were gathered for one push."""
    pushed = [event for event in events if case.reason(event) is Reason.PUSHED]
    return [(each, other) for each in pushed for other in gathered_with(case, each) if other in pushed]


def gathered_with(case: Case, event: str) -> set[str]:
    found = [decision.details.get("gathered") for decision in case.decisions(event) if decision.reason is Reason.PUSHED]
    return {str(name) for gathered in found if isinstance(gathered, dict) for name in gathered["with"]}
