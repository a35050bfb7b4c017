"""What counts as a standstill of this worker, and what is an outage of Kafka."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from faust.types import TP

from demo.servers.free_port import FreePort
from demo.servers.kafka import EmbeddedKafka
from saving_alerts.delivery.outcome_writer import PendingStep
from saving_alerts.domain.decisions import Stage
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.connection import KafkaConnection
from saving_alerts.supervision.standstill import Patience, Standstill
from saving_alerts.supervision.watchdog import Sign, Suspicion

pytestmark = pytest.mark.asyncio

NOW = datetime(2026, 11, 27, 10, tzinfo=UTC)
PATIENCE = Patience(rebalance_seconds=70, overdue_seconds=80, unread_seconds=60)
LATE = PendingStep(7, Stage.DISPATCH_PUSH, SourcePosition("saving-events", 3, 41), NOW - timedelta(seconds=1))
WAITS_FOR_KAFKA = {
    "group": Suspicion("away", "the worker is not in its group"),
    "intake": Suspicion((TP("saving-events", 3), 41), "nothing was read"),
    "steps": Suspicion(7, "a step did not end"),
}


def signs(bootstrap_servers: str, *pending: PendingStep) -> dict[str, Sign]:
    standstill = Standstill(
        connection=KafkaConnection(bootstrap_servers),
        group="saving-alerts",
        patience=PATIENCE,
        consumer=lambda: None,
        is_settled=lambda: True,
        pending=lambda: pending,
        now=lambda: NOW,
    )
    return {sign.name: sign for sign in standstill.signs()}


def suspicion_of(sign: Sign) -> Suspicion:
    found = sign.look()
    assert found is not None
    return found


@pytest.mark.parametrize("name", WAITS_FOR_KAFKA)
async def test_nothing_that_waits_for_kafka_counts_while_kafka_is_away(name: str) -> None:
    with closing(FreePort()) as port:
        sign = signs(f"127.0.0.1:{port.number}")[name]

        assert not await sign.holds(WAITS_FOR_KAFKA[name])


async def test_a_step_beyond_its_deadline_counts_while_kafka_answers() -> None:
    with EmbeddedKafka() as kafka:
        sign = signs(kafka.bootstrap_servers, LATE)["steps"]
        found = suspicion_of(sign)

        assert "dispatch_push of saving-events/3/41 did not end at its deadline" in found.text
        assert await sign.holds(found)


async def test_a_step_that_has_time_left_is_no_suspicion() -> None:
    in_time = PendingStep(8, Stage.DISPATCH_PUSH, LATE.position, NOW + timedelta(seconds=1))

    assert signs("127.0.0.1:1", in_time)["steps"].look() is None


async def test_the_patience_of_each_sign_is_the_one_that_is_given() -> None:
    patience = {name: sign.patience_seconds for name, sign in signs("127.0.0.1:1").items()}

    assert patience == {"coordinator": 0, "group": 70, "intake": 60, "steps": 80}
