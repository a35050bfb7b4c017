"""Redis loses all data under load: the Table has the pushes that were sent, and nobody is pushed again."""

from collections.abc import Callable

import pytest
import redis

from saving_alerts.domain.reasons import Reason
from tests.end_to_end.shoppers import visit
from tests.faults.case import Case
from tests.faults.deployment import Deployment
from tests.faults.deployment_spec import DeploymentSpec

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(180),
    pytest.mark.parametrize("deployment", [pytest.param(DeploymentSpec(), id=pytest.HIDDEN_PARAM)], indirect=True),
]

PUSHED_BEFORE = 100
PUSH_TIMEOUT_SECONDS = 60


def flush_all(deployment: Deployment) -> None:
    with redis.Redis.from_url(deployment.world.redis.url) as client:
        client.flushall()


def restart_empty(deployment: Deployment) -> None:
    deployment.world.redis.restart()


@pytest.mark.parametrize(
    "lose_data",
    [pytest.param(flush_all, id="FLUSHALL under load"), pytest.param(restart_empty, id="Redis restarts empty")],
)
def test_nobody_is_pushed_again(deployment: Deployment, case: Case, lose_data: Callable[[Deployment], None]) -> None:
    case.begin()
    deployment.wait_until(lambda: len(case.pushes()) >= PUSHED_BEFORE, PUSH_TIMEOUT_SECONDS, "pushes go out")

    lose_data(deployment)
    pushed = {push.push.user_id for push in case.pushes()}
    case.write([visit(f"{user}-again", user) for user in pushed])

    assert case.check().failures == ()
    assert {case.reason(f"{user}-again") for user in pushed} == {Reason.CAPPED}
