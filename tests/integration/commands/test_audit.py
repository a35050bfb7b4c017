"""`audit` reads a Kafka on which workers were at work, and says what became of every source offset."""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from saving_alerts.commands.audit import COLUMNS, audit
from saving_alerts.domain.reasons import Reason
from saving_alerts.kafka.connection import KafkaConnection
from saving_alerts.ledger.audit import audit as audit_topics
from saving_alerts.ledger.audit_range import AuditRange
from tests.support.prometheus import read_page
from tests.support.recorded_deployment import RecordedDeployment


@pytest.fixture
def deployment(deployment: RecordedDeployment) -> RecordedDeployment:
    """Ten records on partition 0 of the source, all committed by `validate`; nothing is recorded about them yet."""

    async def begin() -> None:
        await deployment.produce(10)
        await deployment.commit(deployment.topics.source, {0: 10})

    asyncio.run(begin())
    return deployment


def run_audit(deployment: RecordedDeployment, *arguments: str) -> Result:
    return CliRunner().invoke(audit, arguments, env=deployment.environment)


def last_line(result: Result) -> str:
    return result.stdout.splitlines()[-1]


def test_an_audit_in_which_everything_is_answered_ends_well(deployment: RecordedDeployment) -> None:
    asyncio.run(
        deployment.write_decisions(
            deployment.receipt((0, 7), (9, 9)), deployment.decision(8, Reason.PUSHED, status=201)
        )
    )

    result = run_audit(deployment)

    assert all(column in result.stdout.splitlines()[0] for column in COLUMNS)
    assert last_line(result) == (
        "10 source offsets: 10 answered, 0 pending, 0 missing, 0 echoes, 0 contradictions, 0 unknown"
    )
    assert result.exit_code == 0


def test_a_missing_offset_is_named_and_fails_the_audit(deployment: RecordedDeployment) -> None:
    asyncio.run(deployment.write_decisions(deployment.receipt((0, 2), (5, 9))))

    result = run_audit(deployment)

    assert "partition 0: missing 3-4" in result.stdout
    assert "8 answered, 0 pending, 2 missing" in last_line(result)
    assert result.exit_code == 1


def test_its_numbers_can_be_watched(deployment: RecordedDeployment, tmp_path: Path) -> None:
    asyncio.run(deployment.write_decisions(deployment.receipt((0, 2), (5, 9))))
    file = tmp_path / "audit.prom"

    result = run_audit(deployment, "--metrics", str(file))

    found = read_page(file.read_text())
    assert found["saving_alerts_audit_offsets", (("answer", "missing"),)] == 2
    assert found["saving_alerts_audit_offsets", (("answer", "answered"),)] == 8
    assert abs(found["saving_alerts_audit_timestamp_seconds", ()] - datetime.now(UTC).timestamp()) < 60
    assert result.exit_code == 1


def test_a_file_that_cannot_be_written_is_said(deployment: RecordedDeployment, tmp_path: Path) -> None:
    result = run_audit(deployment, "--metrics", str(tmp_path / "nowhere" / "audit.prom"))

    assert result.exit_code == 2
    assert "cannot be written: No such file or directory" in result.output


def test_what_is_on_an_internal_topic_and_not_committed_there_is_pending(deployment: RecordedDeployment) -> None:
    async def on_its_way() -> None:
        await deployment.write_decisions(deployment.receipt((0, 6)))
        await deployment.produce_to(deployment.topics.validated, 6, 7)
        await deployment.commit(deployment.topics.validated, {0: 1})
        await deployment.produce_to(deployment.topics.candidates, 8)
        await deployment.produce_to(deployment.topics.alerts, 9)

    asyncio.run(on_its_way())

    result = run_audit(deployment)

    assert "7 answered, 3 pending, 0 missing" in last_line(result)
    assert result.exit_code == 0


def test_what_was_committed_on_an_internal_topic_without_an_outcome_is_missing(deployment: RecordedDeployment) -> None:
    async def lost_at_query_coupons() -> None:
        await deployment.write_decisions(deployment.receipt((0, 8)))
        await deployment.produce_to(deployment.topics.validated, 9)
        await deployment.commit(deployment.topics.validated, {0: 1})

    asyncio.run(lost_at_query_coupons())

    result = run_audit(deployment)

    assert "partition 0: missing 9" in result.stdout
    assert result.exit_code == 1


def test_a_commit_of_a_topic_that_was_made_anew_hides_nothing(deployment: RecordedDeployment) -> None:
    async def made_anew() -> None:
        await deployment.write_decisions(deployment.receipt((0, 8)))
        await deployment.produce_to(deployment.topics.validated, 9)
        await deployment.commit(deployment.topics.validated, {0: 500})

    asyncio.run(made_anew())

    result = run_audit(deployment)

    assert "9 answered, 1 pending, 0 missing" in last_line(result)
    assert result.exit_code == 0


def test_two_pushes_accepted_anew_for_one_position_fail_the_audit(deployment: RecordedDeployment) -> None:
    pushes = [deployment.decision(9, Reason.PUSHED, seconds=second, status=201) for second in (0, 1)]
    asyncio.run(deployment.write_decisions(deployment.receipt((0, 8)), *pushes))

    result = run_audit(deployment)

    assert "partition 0: two different pushes accepted at 9" in result.stdout
    assert result.exit_code == 1


def test_offsets_behind_the_commit_are_not_due(deployment: RecordedDeployment) -> None:
    async def more_comes_in() -> None:
        await deployment.write_decisions(deployment.receipt((0, 9)))
        await deployment.produce(3)
        await deployment.produce(2, partition=1)

    asyncio.run(more_comes_in())

    result = run_audit(deployment)

    assert "5 more offsets are not committed yet" in result.stdout
    assert "10 source offsets: 10 answered" in last_line(result)
    assert result.exit_code == 0


def test_only_the_offsets_asked_for_are_audited(deployment: RecordedDeployment) -> None:
    asyncio.run(deployment.write_decisions(deployment.receipt((2, 5))))

    result = run_audit(deployment, "--from-offsets", "0:2", "--to-offsets", "0:6")

    assert "4 source offsets: 4 answered" in last_line(result)
    assert result.exit_code == 0


def test_a_partition_that_is_not_there_is_no_good_news(deployment: RecordedDeployment) -> None:
    result = run_audit(deployment, "--from-offsets", "0:2,99:0")

    assert "the source has 4 partitions, counted from 0: there is no 99" in result.stderr
    assert result.exit_code == 2


def test_on_a_terminal_it_shows_how_far_it_is(deployment: RecordedDeployment) -> None:
    asyncio.run(deployment.write_decisions(deployment.receipt((0, 9))))

    piped = run_audit(deployment)
    result = CliRunner().invoke(audit, env=deployment.environment | {"FORCE_COLOR": "1"})

    assert f"{deployment.topics.source.name} " in result.stderr
    assert "10/10" in result.stderr
    assert (piped.stderr, piped.exit_code, result.exit_code) == ("", 0, 0)


def test_a_record_nobody_can_read_is_reported_and_hides_nothing(deployment: RecordedDeployment) -> None:
    asyncio.run(deployment.write_decisions(b"\x00 not ours", deployment.receipt((0, 9))))

    result = run_audit(deployment)

    assert "1 records on our topics could not be read" in result.stdout
    assert "10 answered" in last_line(result)


def test_the_audit_speaks_json(deployment: RecordedDeployment) -> None:
    asyncio.run(deployment.write_decisions(deployment.receipt((0, 9)), deployment.receipt((4, 5))))

    result = run_audit(deployment, "--json")

    document = json.loads(result.stdout)
    assert document["sound"] is True
    assert document["partitions"][0]["answered"] == 10
    assert document["partitions"][0]["echoes"] == 2


def test_an_audit_without_its_topics_says_what_to_do(deployment: RecordedDeployment) -> None:
    elsewhere = deployment.environment | {"SAVING_ALERTS_TOPIC_PREFIX": "no-such-deployment"}

    result = CliRunner().invoke(audit, ["--since", "1h"], env=elsewhere)

    assert "no-such-deployment.validated: missing" in result.stderr
    assert "saving-alerts topics create" in result.stderr
    assert result.exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        pytest.param(["--since", "yesterday"], "like 30m, 24h or 7d", id="no-duration"),
        pytest.param(["--since", "0h"], "like 30m, 24h or 7d", id="no-time-at-all"),
        pytest.param(["--from-offsets", "0-12"], "like 1200, or 0:1200,3:1180", id="no-offsets"),
        pytest.param(["--since", "1h", "--from-offsets", "0"], "exclude each other", id="two-beginnings"),
        pytest.param(["--until", "1h", "--to-offsets", "0"], "exclude each other", id="two-ends"),
        pytest.param(["--since", "1h", "--until", "1h"], "a shorter time ago", id="nothing-between"),
    ],
)
def test_a_range_that_cannot_be_understood_is_explained(arguments: list[str], complaint: str) -> None:
    result = CliRunner().invoke(audit, arguments)

    assert complaint in result.stderr
    assert result.exit_code == 2


def test_without_settings_it_ends_cleanly_and_names_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SAVING_ALERTS_KAFKA_BOOTSTRAP_SERVERS", raising=False)

    result = CliRunner().invoke(audit)

    assert "SAVING_ALERTS_KAFKA_BOOTSTRAP_SERVERS is not set" in result.stderr
    assert result.exit_code == 2


def test_without_a_broker_it_ends_with_one_sentence(deployment: RecordedDeployment) -> None:
    nobody_there = deployment.environment | {"SAVING_ALERTS_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}

    result = CliRunner().invoke(audit, env=nobody_there)

    assert result.stderr.startswith("Error: Kafka at 127.0.0.1:1")
    assert result.exit_code == 2


class WorkingMeanwhile:
    """Watches an audit, and lets a worker finish one event the moment the audit begins to read `topic`."""

    def __init__(self, deployment: RecordedDeployment, topic: str) -> None:
        self._deployment = deployment
        self._topic = topic

    def begin(self, topic: str, offsets: int) -> Callable[[int], None]:
        if topic == self._topic:
            # The audit's own event loop is running here, so the worker has one in a thread.
            with ThreadPoolExecutor(1) as thread:
                thread.submit(asyncio.run, self._finish()).result()
        return lambda behind: None

    async def _finish(self) -> None:
        """Event 9 leaves `validated` by way of all topics, each committed before the next."""
        topics = self._deployment.topics
        for topic in (topics.candidates, topics.alerts):
            await self._deployment.produce_to(topic, 9)
        await self._deployment.write_decisions(self._deployment.decision(9, Reason.PUSHED, status=201))
        for topic in (topics.validated, topics.candidates, topics.alerts):
            await self._deployment.commit(topic, {0: 1})


@pytest.mark.parametrize("stage", ["source", "validated", "candidates", "alerts"])
def test_an_event_that_is_finished_while_the_audit_runs_is_answered(deployment: RecordedDeployment, stage: str) -> None:
    async def on_its_way() -> None:
        await deployment.write_decisions(deployment.receipt((0, 8)))
        await deployment.produce_to(deployment.topics.validated, 9)

    asyncio.run(on_its_way())
    meanwhile = WorkingMeanwhile(deployment, getattr(deployment.topics, stage).name)
    connection = KafkaConnection(deployment.bootstrap_servers)

    result = asyncio.run(
        audit_topics(connection, deployment.name, deployment.topics, AuditRange(), datetime.now(UTC), meanwhile)
    )

    first = result.partitions[0]
    assert (first.answered, first.pending, first.missing) == (10, 0, 0)


def test_what_is_on_record_about_a_former_topic_answers_nothing(deployment: RecordedDeployment) -> None:
    """The source was deleted and made again, and its offsets count from 0 anew."""
    asyncio.run(deployment.produce_events(*(b'{"event_id":"new-%d"}' % number for number in range(10, 13))))
    asyncio.run(deployment.commit(deployment.topics.source, {0: 13}))
    former = msgspec.structs.replace(deployment.receipt((0, 9), (12, 12)), written_ms=(1_000, 2_000))
    pushed = [
        msgspec.structs.replace(deployment.decision(10, Reason.PUSHED, status=201, seconds=seconds), event_id=event_id)
        for seconds, event_id in enumerate(["old-10", "new-10"])
    ]
    asyncio.run(deployment.write_decisions(deployment.receipt((0, 9)), former, *pushed))
    asyncio.run(deployment.produce_to(deployment.topics.alerts, 11))  # of event `e-11`
    asyncio.run(deployment.commit(deployment.topics.alerts, {0: 0}))

    result = run_audit(deployment)

    assert "partition 0: missing 11-12" in result.stdout
    assert "12 answers are about a former topic of this name" in result.stdout
    assert "11 answered, 0 pending, 2 missing, 0 echoes, 0 contradictions" in last_line(result)
