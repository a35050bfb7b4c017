"""Redis loses everything under load: the Table knows who was pushed, and nobody is pushed again."""

from collections.abc import Callable

import pytest
import redis

from saving_alerts.domain.decisions import Reason
from tests.end_to_end.shoppers import visit
from tests.faults.case import Case
from tests.faults.crew import Crew
from tests.faults.shape import Shape

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(180),
    pytest.mark.parametrize("crew", [pytest.param(Shape(), id=pytest.HIDDEN_PARAM)], indirect=True),
]

PUSHED_BEFORE = 100
PUSH_TIMEOUT_SECONDS = 60


def flush_all(crew: Crew) -> None:
    with redis.Redis.from_url(crew.world.redis.url) as client:
        client.flushall()


def restart_empty(crew: Crew) -> None:
    crew.world.redis.restart()


@pytest.mark.parametrize(
    "forget",
    [pytest.param(flush_all, id="FLUSHALL under load"), pytest.param(restart_empty, id="Redis restarts empty")],
)
def test_nobody_is_pushed_again(crew: Crew, case: Case, forget: Callable[[Crew], None]) -> None:
    case.begin()
    crew.wait_until(lambda: len(case.pushes()) >= PUSHED_BEFORE, PUSH_TIMEOUT_SECONDS, "pushes go out")

    forget(crew)
    pushed = {push.push.user_id for push in case.pushes()}
    case.write([visit(f"{user}-again", user) for user in pushed])

    assert case.check().failures == ()
    assert {case.reason(f"{user}-again") for user in pushed} == {Reason.CAPPED}
