"""`rules results` on the embedded Kafka: the numbers are those of a count by hand."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from click.testing import CliRunner
from click.testing import Result as Output

from saving_alerts.commands.rules.group import rules
from saving_alerts.domain.decisions import Decision
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.results.assignments import assigned_by
from saving_alerts.domain.results.responses import Kind
from saving_alerts.domain.results.result import JoinedBy, Result, result_of
from saving_alerts.kafka.client import partition_of
from saving_alerts.kafka.codecs import encode
from saving_alerts.kafka.topics import Topics
from tests.support.recorded_deployment import RecordedDeployment
from tests.support.sample_results import dispatched, response

AN_HOUR_AGO = datetime.now(UTC) - timedelta(hours=1)
AMONG = 4


def pushed(number: int, user: str, reason: Reason = Reason.PUSHED, **details: str) -> Decision:
    plain = dispatched(number, reason, user_id=user, at=AN_HOUR_AGO)
    return msgspec.structs.replace(plain, details=plain.details | details)


def done(decision: Decision, kind: Kind, number: int = 900) -> Result:
    alert = assigned_by(decision)
    assert alert is not None
    what = response(number + decision.position.offset, kind, user_id=alert.user_id, at=AN_HOUR_AGO)
    return result_of(alert, what, JoinedBy.ID)


async def write(deployment: RecordedDeployment, topic: str, *values: Decision | Result | bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=deployment.bootstrap_servers) as producer:
        await producer.partitions_for(topic)
        for value in values:
            key = b"u" if isinstance(value, bytes) else (value.user_id or "").encode()
            raw = value if isinstance(value, bytes) else encode(value)
            await producer.send_and_wait(topic, raw, key=key, partition=partition_of(key, AMONG))


def record(deployment: RecordedDeployment, decisions: list[Decision], results: list[Result | bytes]) -> None:
    topics = topics_of(deployment)
    assert topics.results is not None
    asyncio.run(write(deployment, topics.decisions.name, *decisions))
    asyncio.run(write(deployment, topics.results.name, *results))


def topics_of(deployment: RecordedDeployment) -> Topics:
    return Topics.named(f"{deployment.name}-events", deployment.name, results=True)


def run_results(deployment: RecordedDeployment, *arguments: str, results: str = "true") -> Output:
    environment = deployment.environment | {"SAVING_ALERTS_RESULTS": results}
    return CliRunner().invoke(rules, ["results", *arguments], env=environment)


COFFEE = [
    pushed(0, "a", variant="plain", store_id="s-1"),
    pushed(1, "b", variant="plain", store_id="s-1"),
    pushed(2, "c", Reason.PUSH_UNCERTAIN, variant="friendly", store_id="s-2"),
    pushed(3, "d", Reason.CAPPED),
]
TEA = [pushed(4, "a", rule_id="tea")]


def test_the_table_is_a_count_by_hand(deployment: RecordedDeployment) -> None:
    opened, again, redeemed = (
        done(COFFEE[number], kind) for number, kind in ((0, Kind.OPENED), (0, Kind.OPENED), (2, Kind.REDEEMED))
    )
    record(deployment, [*COFFEE, *TEA, COFFEE[0]], [opened, again, redeemed, b"nonsense"])

    output = run_results(deployment)

    lines = [" ".join(line.split()) for line in output.stdout.splitlines()]
    assert output.exit_code == 0, output.stderr
    assert lines == [
        "pushes opened redeemed",
        "rule coffee 3 1 (33.3%) 1 (33.3%)",
        "version v1 3 1 (33.3%) 1 (33.3%)",
        "text plain 2 1 (50.0%) 0 (0.0%)",
        "text friendly 1 0 (0.0%) 1 (100.0%)",
        "store s-1 2 1 (50.0%) 0 (0.0%)",
        "store s-2 1 0 (0.0%) 1 (100.0%)",
        "rule tea 1 0 (0.0%) 0 (0.0%)",
        "version v1 1 0 (0.0%) 0 (0.0%)",
        "rule coffee: nobody was kept back as control, so nobody knows whether it helps",
        "rule tea: nobody was kept back as control, so nobody knows whether it helps",
        "results come for 24 h after a push: those of the last pushes are not complete",
    ]


def test_machines_are_told_the_same_and_one_rule_can_be_asked_for(deployment: RecordedDeployment) -> None:
    record(deployment, [*COFFEE, *TEA], [done(COFFEE[0], Kind.OPENED)])

    told = json.loads(run_results(deployment, "--rule", "tea", "--json").stdout)

    assert told == {
        "rows": [
            {"rule_id": "tea", "by": "rule", "value": "", "pushes": 1, "opened": 0, "redeemed": 0},
            {"rule_id": "tea", "by": "version", "value": "v1", "pushes": 1, "opened": 0, "redeemed": 0},
        ],
        "against_control": [{"rule_id": "tea", "control_percent": None, "finding": None}],
    }


def test_of_many_stores_those_with_the_most_pushes_are_shown(deployment: RecordedDeployment) -> None:
    decisions = [pushed(number, f"u-{number}", store_id=f"s-{number % 12}") for number in range(20)]
    record(deployment, decisions, [])

    shown = run_results(deployment).stdout
    told = json.loads(run_results(deployment, "--json").stdout)

    assert shown.count("store s-") == 10
    assert "store s-9" not in shown
    assert sum(row["by"] == "store" for row in told["rows"]) == 12


def test_where_nothing_is_recorded_it_says_why(deployment: RecordedDeployment) -> None:
    off = run_results(deployment, results="false")
    record(deployment, [], [])
    empty = run_results(deployment)

    assert (off.exit_code, off.stderr.strip()) == (
        2,
        "Error: SAVING_ALERTS_RESULTS is not true, so that no results are recorded",
    )
    assert (empty.exit_code, empty.stdout.strip()) == (0, "no push, and nobody kept back as control, in this time")


@pytest.mark.parametrize("odd", ["0d", "nonsense"])
def test_no_time_is_refused(deployment: RecordedDeployment, odd: str) -> None:
    assert run_results(deployment, "--since", odd).exit_code == 2
