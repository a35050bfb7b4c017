"""`topics` plans before it creates, and refuses what cannot work."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from demo.servers.kafka import EmbeddedKafka
from saving_alerts.commands.topics.group import topics
from saving_alerts.commands.topics.layout import Layout, differences
from saving_alerts.kafka.client import mismatch, unequal_or_missing
from saving_alerts.kafka.connection import KafkaConnection
from saving_alerts.kafka.topics import Topics
from tests.support.recorded_deployment import RecordedDeployment

NAMED = Topics.named("saving-events", "saving-alerts")
LAYOUT = Layout(NAMED, partitions=12, replication_factor=3)


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[RecordedDeployment]:
    monkeypatch.chdir(tmp_path)
    with EmbeddedKafka() as kafka:
        yield RecordedDeployment(kafka.bootstrap_servers, "topics")


def run_topics(deployment: RecordedDeployment, command: str, **settings: str) -> Result:
    return CliRunner().invoke(topics, [command], env=deployment.environment | settings)


def test_nothing_stands_in_the_way_of_an_empty_cluster_or_of_topics_that_fit() -> None:
    assert LAYOUT.problem({}) is None
    assert LAYOUT.problem({"saving-events": 12, "somebody-else-s": 3}) is None


def test_a_source_with_another_number_of_partitions_names_the_setting_to_change() -> None:
    problem = LAYOUT.problem({"saving-events": 24})

    assert problem == (
        "the topics that are there have 24 partitions, but SAVING_ALERTS_TOPIC_PARTITIONS is 12: set it to 24"
    )


def test_unequal_topics_name_the_command_that_mends_them() -> None:
    problem = LAYOUT.problem({"saving-events": 12, "saving-alerts.validated": 6}) or ""

    assert "  saving-alerts.validated: 6\n" in problem
    assert "--alter --topic saving-alerts.validated --partitions 12" in problem
    assert "--topic saving-events" not in problem


def test_the_opt_outs_are_compacted_late_and_upstreams_topic_of_changes_is_upstreams() -> None:
    named = Topics.named("saving-events", "saving-alerts", consent_changes="saving-consent")
    layout = Layout(named, partitions=12, replication_factor=3)
    assert named.consent is not None
    assert named.consent_changes is not None

    config = layout.config(named.consent)

    assert (config["cleanup.policy"], config["min.compaction.lag.ms"]) == ("compact", str(24 * 3600 * 1000))
    assert layout.config(named.consent_changes) == {"min.insync.replicas": "2"}
    assert layout.problem({"saving-consent": 5, "saving-events": 12}) is None
    assert "saving-alerts.consent: 6" in (layout.problem({"saving-alerts.consent": 6, "saving-events": 12}) or "")


def test_without_the_setting_there_are_no_topics_of_consent() -> None:
    assert not [topic.name for topic in NAMED.all if "consent" in topic.name]


def test_our_topics_keep_two_replicas_in_sync_and_their_retention() -> None:
    config = LAYOUT.config(NAMED.decisions)

    assert config["min.insync.replicas"] == "2"
    assert config["cleanup.policy"] == "delete"
    assert config["retention.ms"] == str(30 * 24 * 3600 * 1000)
    assert int(config["max.message.bytes"]) > 1024 * 1024


def test_the_retention_of_the_source_is_upstream_s() -> None:
    assert "retention.ms" not in LAYOUT.config(NAMED.source)


def test_one_broker_asks_for_no_second_replica() -> None:
    assert "min.insync.replicas" not in Layout(NAMED, 12, 1).config(NAMED.decisions)


def test_a_setting_that_differs_is_named() -> None:
    found = {"retention.ms": "1000", "cleanup.policy": "delete"}

    lines = differences("t", {"retention.ms": "2000", "cleanup.policy": "delete"}, found)

    assert lines == ["t: retention.ms is 1000, should be 2000"]


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        pytest.param({"a": 4, "b": None}, "  b: missing\n`saving-alerts topics create` creates", id="missing"),
        pytest.param({"a": 4, "b": 6}, "  a: 4\n  b: 6\n`saving-alerts topics create` says how", id="unequal"),
    ],
)
def test_a_worker_is_told_which_topics_keep_it_from_starting(counts: dict[str, int | None], message: str) -> None:
    assert message in (mismatch(counts) or "")


def test_a_worker_may_start_on_equal_topics(deployment: RecordedDeployment) -> None:
    asyncio.run(deployment.create_topics())
    names = [topic.name for topic in deployment.topics.partitioned]

    assert asyncio.run(unequal_or_missing(KafkaConnection(deployment.bootstrap_servers), names)) is None


def test_asking_for_topics_creates_none(deployment: RecordedDeployment) -> None:
    connection = KafkaConnection(deployment.bootstrap_servers)
    asyncio.run(unequal_or_missing(connection, ["not-there"]))

    assert "not-there: missing" in (asyncio.run(unequal_or_missing(connection, ["not-there"])) or "")


def test_creating_topics_on_a_cluster_that_cannot_ends_with_one_sentence(deployment: RecordedDeployment) -> None:
    result = run_topics(deployment, "create", SAVING_ALERTS_TOPIC_PARTITIONS="4")

    assert "cannot create topics" in result.stderr
    assert result.exit_code == 2


def test_creating_when_all_topics_are_there_changes_nothing(deployment: RecordedDeployment) -> None:
    asyncio.run(deployment.create_topics())

    result = run_topics(deployment, "create", SAVING_ALERTS_TOPIC_PARTITIONS="4")

    assert result.stdout.splitlines() == [f"{topic.name}: is there" for topic in deployment.topics.all]
    assert result.exit_code == 0


def test_creating_beside_topics_with_another_number_of_partitions_is_refused(deployment: RecordedDeployment) -> None:
    asyncio.run(deployment.create_topics())

    result = run_topics(deployment, "create", SAVING_ALERTS_TOPIC_PARTITIONS="12")

    assert "set it to 4" in result.stderr
    assert result.exit_code == 1


def test_checking_topics_that_are_missing_is_bad_news(deployment: RecordedDeployment) -> None:
    result = run_topics(deployment, "check")

    assert "topics.validated: missing" in result.stdout
    assert result.exit_code == 1


def test_checking_topics_that_are_there_is_good_news(deployment: RecordedDeployment) -> None:
    asyncio.run(deployment.create_topics())

    result = run_topics(deployment, "check")

    assert result.stdout.splitlines()[-2] == "all 8 topics are there, with 4 partitions each"
    assert result.exit_code == 0
