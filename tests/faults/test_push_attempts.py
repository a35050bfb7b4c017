"""A push that may have arrived is never sent a second time under another name, and never late."""

from datetime import UTC, datetime, timedelta

import pytest

from demo.stub_apis.faults import Behaviour
from demo.stub_apis.push_api import PushApi
from demo.stub_apis.stub import SeenRequest
from saving_alerts.domain.reasons import Reason
from tests.end_to_end.shoppers import FRESHNESS, visit
from tests.faults.case import Case
from tests.faults.deployment import Deployment
from tests.faults.deployment_spec import CLAIM_LEASE_SECONDS, DeploymentSpec

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(120),
    pytest.mark.parametrize("deployment", [pytest.param(DeploymentSpec(), id=pytest.HIDDEN_PARAM)], indirect=True),
]

ANSWER_TIMEOUT_SECONDS = 30
# The event keeps that much longer, at most: its times vary by two seconds. Its lease ends later: it begins later, and
# again with the second attempt.
LEFT = timedelta(seconds=CLAIM_LEASE_SECONDS)


def test_after_an_accepted_push_whose_answer_was_lost_a_refusal_does_not_free_the_user(
    deployment: Deployment, case: Case
) -> None:
    user, push_api = case.user("unclear"), deployment.world.push_api
    push_api.behave(Behaviour(fault="ambiguous_accepted", times=1), Behaviour(fault="status", status=422), user_id=user)
    case.write([visit("first", user)], expect=[user])
    deployment.wait_until(lambda: case.reason("first") is not None, ANSWER_TIMEOUT_SECONDS, "the first is answered")
    push_api.behave(user_id=user)

    case.write([visit("second", user)])
    deployment.wait_until(lambda: case.reason("second") is not None, ANSWER_TIMEOUT_SECONDS, "the second is answered")

    assert (case.reason("first"), case.reason("second")) == (Reason.PUSH_UNCERTAIN, Reason.CAPPED)
    assert case.check().failures == ()


def test_a_request_that_is_handled_after_the_deadline_pushes_nothing(deployment: Deployment, case: Case) -> None:
    user, push_api = case.user("late"), deployment.world.push_api
    push_api.behave(Behaviour(fault="hang"), user_id=user)

    case.write([visit("late", user, age=FRESHNESS - LEFT)])
    deadline = datetime.now(UTC) + LEFT
    push_api.wait_until(lambda: bool(of_user(push_api, user)), ANSWER_TIMEOUT_SECONDS)
    deployment.wait_until(lambda: datetime.now(UTC) > deadline, ANSWER_TIMEOUT_SECONDS, "its deadline is over")
    push_api.recover()
    deployment.wait_until(lambda: case.reason("late") is not None, ANSWER_TIMEOUT_SECONDS, "it is answered")
    push_api.wait_until(lambda: all(each.status for each in of_user(push_api, user)), ANSWER_TIMEOUT_SECONDS)

    assert case.reason("late") == Reason.PUSH_UNCERTAIN
    assert case.pushes() == []
    assert case.check().failures == ()


def of_user(push_api: PushApi, user: str) -> list[SeenRequest]:
    return [request for request in push_api.requests if request.user_id == user]
