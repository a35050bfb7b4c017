"""A stage at its limit of records in flight pauses its partition, and drops nothing that was fetched already."""

import pytest

from demo.stub_apis.faults import Behaviour
from saving_alerts.domain.decisions import Stage
from tests.end_to_end.conditions import in_flight
from tests.faults.case import Case
from tests.faults.deployment import Deployment
from tests.faults.deployment_spec import DeploymentSpec

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(180),
    pytest.mark.parametrize("deployment", [pytest.param(DeploymentSpec(), id=pytest.HIDDEN_PARAM)], indirect=True),
]

# So few that one worker ends at most 20 events a second while the API is slow: a twentieth of the load. A machine that
# is busy with brokers and workers may not reach more than a quarter of that.
MAX_IN_FLIGHT = 10
# Many batches in one fetch: those behind the one with which the limit is reached are fetched already.
LOW_LIMIT = {
    "SAVING_ALERTS_WINDOW_MAX_RECORDS": str(MAX_IN_FLIGHT),
    "SAVING_ALERTS_BATCH_MAX_RECORDS": "5",
}
SLOW_SECONDS = 2.0
LESS_SLOW_SECONDS = 0.4
PER_SECOND = 400
WAITING_ON_KAFKA = 200  # five times what the worker has in flight
FULL_TIMEOUT_SECONDS = 60


def test_events_beyond_the_limit_in_flight_wait_on_kafka_and_all_are_answered(
    deployment: Deployment, case: Case
) -> None:
    worker = deployment.workers[0]
    deployment.restart(worker, LOW_LIMIT)
    deployment.world.coupon_api.behave(Behaviour(latency_seconds=SLOW_SECONDS))
    assigned, topic = deployment.assignments[worker.name], deployment.topics.validated.name

    def waiting() -> int:
        lag = deployment.offsets.lag()
        return sum(lag.get((topic, partition), 0) for partition in assigned) - in_flight(worker, Stage.QUERY_COUPONS)

    case.begin(PER_SECOND)
    deployment.wait_until(lambda: waiting() > WAITING_ON_KAFKA, FULL_TIMEOUT_SECONDS, "events wait on Kafka")
    case.stop()
    # One below the limit there is room, and so much comes with one poll, over all partitions.
    most = (MAX_IN_FLIGHT - 1 + MAX_IN_FLIGHT // 2) * len(assigned)
    assert in_flight(worker, Stage.QUERY_COUPONS) <= most
    deployment.world.coupon_api.behave(Behaviour(latency_seconds=LESS_SLOW_SECONDS))

    assert case.check().failures == ()
