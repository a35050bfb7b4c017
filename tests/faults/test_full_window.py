"""A stage at its limit stops its intake and drops nothing of what was fetched already."""

import pytest

from demo.stub_apis.faults import Behaviour
from saving_alerts.domain.decisions import Stage
from tests.faults.case import Case
from tests.faults.crew import Crew, in_flight
from tests.faults.shape import Shape

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(180),
    pytest.mark.parametrize("crew", [pytest.param(Shape(), id=pytest.HIDDEN_PARAM)], indirect=True),
]

WINDOW_MAX_RECORDS = 50
# Many batches in one fetch: those behind the one that fills the window are fetched already.
SMALL_WINDOW = {
    "SAVING_ALERTS_WINDOW_MAX_RECORDS": str(WINDOW_MAX_RECORDS),
    "SAVING_ALERTS_BATCH_MAX_RECORDS": "10",
}
SLOW_SECONDS = 2.0
LESS_SLOW_SECONDS = 0.4
PER_SECOND = 400
WAITING_ON_KAFKA = 400
FULL_TIMEOUT_SECONDS = 60


def test_more_events_than_the_window_holds_wait_on_kafka_and_all_are_answered(crew: Crew, case: Case) -> None:
    worker = crew.workers[0]
    crew.restart(worker, SMALL_WINDOW)
    crew.world.coupon_api.behave(Behaviour(latency_seconds=SLOW_SECONDS))
    share, topic = crew.shares[worker.name], crew.topics.validated.name

    def waiting() -> int:
        lag = crew.offsets.lag()
        return sum(lag.get((topic, partition), 0) for partition in share) - in_flight(worker, Stage.QUERY_COUPONS)

    case.begin(PER_SECOND)
    crew.wait_until(lambda: waiting() > WAITING_ON_KAFKA, FULL_TIMEOUT_SECONDS, "events wait on Kafka")
    case.stop()
    assert in_flight(worker, Stage.QUERY_COUPONS) < 2 * WINDOW_MAX_RECORDS * len(share)
    crew.world.coupon_api.behave(Behaviour(latency_seconds=LESS_SLOW_SECONDS))

    assert case.check().failures == ()
