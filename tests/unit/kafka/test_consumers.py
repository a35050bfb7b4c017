"""Every consumer unpacks what it fetches up to a limit."""

import ast
from pathlib import Path

from aiokafka import conn
from aiokafka.consumer import fetcher

import saving_alerts
from saving_alerts.kafka import consumers
from saving_alerts.kafka.bounded_waiting import BoundedConnection
from saving_alerts.kafka.unpacking import REPLACED

SOURCE = Path(saving_alerts.__file__).parent


def makes_a_consumer(path: Path) -> bool:
    calls = (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call))
    return any(ast.unparse(call.func).endswith("AIOKafkaConsumer") for call in calls)


def test_consumers_are_made_in_one_place() -> None:
    makers = [path for path in SOURCE.rglob("*.py") if makes_a_consumer(path)]

    assert makers == [Path(consumers.__file__)]


def test_whoever_can_make_one_unpacks_up_to_the_limit() -> None:
    assert {name: getattr(fetcher, name) for name in REPLACED} == REPLACED


def test_whoever_can_make_one_waits_for_a_silent_broker_for_seconds_only() -> None:
    assert conn.AIOKafkaConnection is BoundedConnection
