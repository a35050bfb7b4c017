"""A worker dies while it gathers a user's alerts, or at the turn of one: one push for each user, nobody silenced.

So too for those whose events such a death has spread over the stages, so that nobody ever gathers them together.
"""

import signal
from collections import Counter
from dataclasses import replace

import msgspec
import pytest

from demo.traffic.paced_producer import Record
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
    one_push_each(case, users, events)


def test_what_comes_to_dispatch_after_the_push_of_its_slot_is_outbid(deployment: Deployment, case: Case) -> None:
    """The worker dies while it gathers; of each user two events of the same moment come when the first was pushed."""
    target = deployment.workers[len(deployment.deaths) % len(deployment.workers)]
    deployment.restart(target, {"SAVING_ALERTS_FAILPOINT": f"{Failpoint.WHILE_GATHERING}:2"})
    users = [case.user(f"spread-{each}") for each in range(USERS)]
    visits = {f"{user}-{each}": of_this_moment(visit(f"{user}-{each}", user)) for user in users for each in range(3)}
    first, later = [each for each in visits if each.endswith("-0")], [each for each in visits if each[-2:] != "-0"]

    case.write([visits[each] for each in first], expect=users)
    death = case.death_of(target)
    deployment.wait_until(lambda: all(map(case.reason, first)), ANSWER_TIMEOUT_SECONDS, "the first are answered")
    case.write([visits[each] for each in later])
    deployment.wait_until(lambda: all(map(case.reason, later)), ANSWER_TIMEOUT_SECONDS, "the others are answered")

    assert death.exit_code == -signal.SIGKILL
    result = case.check()
    assert (result.lost, result.silenced, result.late, result.wrong) == ((), (), (), ())
    assert {case.reason(each) for each in later} == {Reason.OUTBID}
    one_push_each(case, users, [*visits])


def of_this_moment(record: Record) -> Record:
    """The same whenever it is written: the event was received now."""
    value = record.value()
    return replace(record, value=lambda: value)


def one_push_each(case: Case, users: list[str], events: list[str]) -> None:
    ended = Counter(map(case.reason, events))
    assert set(ended) == {Reason.PUSHED, Reason.OUTBID}
    assert ended[Reason.PUSHED] == len(users)
    assert Counter(push.push.user_id for push in case.pushes() if push.push.user_id in users) == Counter(users)
