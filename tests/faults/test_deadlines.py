"""Deadlines that pass while an event waits for something: nothing is pushed past them."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from demo.stub_apis.faults import Behaviour
from saving_alerts.domain.reasons import Reason
from tests.end_to_end.shoppers import FRESHNESS, visit
from tests.faults.case import Case
from tests.faults.deployment import Deployment
from tests.faults.deployment_spec import DeploymentSpec
from tests.faults.orphaned_claim import reserve_orphaned_claim

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(120),
    pytest.mark.parametrize("deployment", [pytest.param(DeploymentSpec(), id=pytest.HIDDEN_PARAM)], indirect=True),
]

# The events keep that much longer, at most: their times vary by two seconds.
LEFT = timedelta(seconds=6)
LONGER_SECONDS = 8
USERS = 20
ANSWER_TIMEOUT_SECONDS = 60


def in_the_coupon_api(deployment: Deployment, user: str) -> None:
    deployment.world.coupon_api.behave(Behaviour(latency_seconds=LONGER_SECONDS), user_id=user)


def in_a_pause_that_the_coupon_api_asked_for(deployment: Deployment, user: str) -> None:
    again = Behaviour(fault="status", status=503, retry_after_seconds=LONGER_SECONDS)
    deployment.world.coupon_api.behave(again, user_id=user)


def in_a_retry_of_the_push_api(deployment: Deployment, user: str) -> None:
    """The API did nothing, but its answer does not say so."""
    deployment.world.push_api.behave(Behaviour(fault="status", status=500), user_id=user)


def in_a_pause_that_the_push_api_asked_for(deployment: Deployment, user: str) -> None:
    again = Behaviour(fault="status", status=429, retry_after_seconds=LONGER_SECONDS)
    deployment.world.push_api.behave(again, user_id=user)


def behind_an_orphaned_claim(deployment: Deployment, user: str) -> None:
    reserve_orphaned_claim(deployment, user)


@pytest.mark.parametrize(
    ("keep_waiting", "endings"),
    [
        pytest.param(in_the_coupon_api, {Reason.EXPIRED}, id="a deadline passes in the Coupon API"),
        pytest.param(
            in_a_pause_that_the_coupon_api_asked_for,
            {Reason.EXPIRED},
            id="a deadline passes in a pause of the Coupon API",
        ),
        pytest.param(
            in_a_retry_of_the_push_api,
            {Reason.PUSH_UNCERTAIN, Reason.EXPIRED},  # the breaker may open before one was tried
            id="a deadline passes in a retry of the push API",
        ),
        pytest.param(
            in_a_pause_that_the_push_api_asked_for, {Reason.EXPIRED}, id="a deadline passes in a pause of the push API"
        ),
        pytest.param(
            behind_an_orphaned_claim, {Reason.EXPIRED, Reason.CAPPED}, id="a deadline passes behind another's claim"
        ),
    ],
)
def test_nothing_is_pushed_past_it(
    deployment: Deployment, case: Case, keep_waiting: Callable[[Deployment, str], None], endings: set[Reason]
) -> None:
    users = [case.user(f"{number}") for number in range(USERS)]
    for user in users:
        keep_waiting(deployment, user)

    case.write([visit(user, user, age=FRESHNESS - LEFT) for user in users])
    deployment.wait_until(lambda: all(map(case.reason, users)), ANSWER_TIMEOUT_SECONDS, "all are answered")

    assert set(map(case.reason, users)) <= endings
    assert case.pushes() == []
    assert case.check().failures == ()
