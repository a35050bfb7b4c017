"""The commands on a real Kafka: creation, look-ups by time, transactions and retention."""

import asyncio
import itertools
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from click.testing import CliRunner, Result

from saving_alerts.commands.audit import audit
from saving_alerts.commands.explain import explain
from saving_alerts.commands.topics.group import topics
from saving_alerts.domain.reasons import Reason
from saving_alerts.kafka.connection import KafkaConnection
from saving_alerts.ledger.offset_lookup import offset_lookup
from tests.kafka_cluster.cluster import KafkaCluster
from tests.kafka_cluster.libraries import require_java_and_maven
from tests.support.recorded_deployment import PARTITIONS, RecordedDeployment

pytestmark = pytest.mark.kafka

ONE_BROKER = {"SAVING_ALERTS_TOPIC_PARTITIONS": str(PARTITIONS), "SAVING_ALERTS_TOPIC_REPLICATION_FACTOR": "1"}
numbers = itertools.count()


@pytest.fixture(scope="module")
def cluster() -> Iterator[KafkaCluster]:
    require_java_and_maven()
    with KafkaCluster(brokers=1) as cluster:
        yield cluster


@pytest.fixture
def deployment(cluster: KafkaCluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> RecordedDeployment:
    monkeypatch.chdir(tmp_path)
    return RecordedDeployment(cluster.bootstrap_servers, f"real{next(numbers)}")


@pytest.fixture
def created(deployment: RecordedDeployment) -> RecordedDeployment:
    result = run_topics(deployment, "create")
    assert result.exit_code == 0, result.stderr
    return deployment


def run_topics(deployment: RecordedDeployment, command: str, **settings: str) -> Result:
    return CliRunner().invoke(topics, [command], env=deployment.environment | ONE_BROKER | settings)


def run_audit(deployment: RecordedDeployment, *arguments: str) -> Result:
    return CliRunner().invoke(audit, arguments, env=deployment.environment)


async def transaction(deployment: RecordedDeployment, count: int, *, commit: bool) -> None:
    """Records on partition 0 of the source, and the control record that ends their transaction."""
    producer = AIOKafkaProducer(bootstrap_servers=deployment.bootstrap_servers, transactional_id=deployment.name)
    async with producer:
        await producer.begin_transaction()
        for _ in range(count):
            await producer.send_and_wait(deployment.topics.source.name, b"{}", partition=0)
        await (producer.commit_transaction() if commit else producer.abort_transaction())


async def delete_before(deployment: RecordedDeployment, topic: str, offset: int) -> None:
    """What retention does sooner or later."""
    client = AIOKafkaAdminClient(bootstrap_servers=deployment.bootstrap_servers)
    try:
        await client.start()
        await client.delete_records({TopicPartition(topic, 0): RecordsToDelete(offset)})
    finally:
        await client.close()


def test_all_topics_are_created_as_they_have_to_be(deployment: RecordedDeployment) -> None:
    created, checked = run_topics(deployment, "create"), run_topics(deployment, "check")

    assert (
        f"{deployment.topics.source.name}: created with 4 partitions, although it is upstream's to have"
        in created.stdout
    )
    assert checked.stdout.startswith("all 8 topics are there, with 4 partitions each\n")
    assert (created.exit_code, checked.exit_code) == (0, 0)


def test_creating_again_changes_nothing(created: RecordedDeployment) -> None:
    result = run_topics(created, "create")

    assert "created" not in result.stdout
    assert result.exit_code == 0


def test_more_replicas_than_brokers_are_refused_with_the_setting_to_change(deployment: RecordedDeployment) -> None:
    result = run_topics(deployment, "create", SAVING_ALERTS_TOPIC_REPLICATION_FACTOR="3")

    assert "SAVING_ALERTS_TOPIC_REPLICATION_FACTOR" in result.stderr
    assert result.exit_code == 2


def test_a_setting_that_differs_is_told_and_judged_by_nobody(created: RecordedDeployment) -> None:
    result = run_topics(created, "check", SAVING_ALERTS_TOPIC_REPLICATION_FACTOR="3")

    assert f"{created.topics.alerts.name}: min.insync.replicas is 1, should be 2" in result.stdout
    assert result.exit_code == 0


def test_aborted_records_and_control_records_are_nobody_s_to_answer(created: RecordedDeployment) -> None:
    async def transactions() -> None:
        await transaction(created, 3, commit=True)
        await transaction(created, 2, commit=False)
        await created.commit(created.topics.source, {0: 7})
        await created.write_decisions(created.receipt((0, 2)))

    asyncio.run(transactions())

    result = run_audit(created)

    assert "3 source offsets: 3 answered, 0 pending, 0 missing" in result.stdout
    assert result.exit_code == 0


def test_what_was_written_before_the_time_asked_about_is_not_audited(created: RecordedDeployment) -> None:
    async def old_and_new() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=created.bootstrap_servers)
        async with producer:
            for age in (timedelta(hours=5), timedelta(hours=4), timedelta(0)):
                written = int((created.started - age).timestamp() * 1000)
                await producer.send_and_wait(created.topics.source.name, b"{}", partition=0, timestamp_ms=written)
        await created.commit(created.topics.source, {0: 3})
        await created.write_decisions(created.receipt((2, 2)))

    asyncio.run(old_and_new())

    recent, everything = run_audit(created, "--since", "1h"), run_audit(created)
    between = run_audit(created, "--since", "270m", "--until", "1h")

    assert "1 source offsets: 1 answered" in recent.stdout
    assert "partition 0: missing 0-1" in everything.stdout
    assert "partition 0: missing 1\n1 source offsets: 0 answered" in between.stdout
    assert (recent.exit_code, everything.exit_code, between.exit_code) == (0, 1, 1)


def test_what_is_deleted_from_the_source_is_unknown_and_no_alarm(created: RecordedDeployment) -> None:
    async def deleted() -> None:
        await created.produce(5)
        await created.commit(created.topics.source, {0: 5})
        await created.write_decisions(created.receipt((2, 4)))
        await delete_before(created, created.topics.source.name, 3)

    asyncio.run(deleted())

    result = run_audit(created, "--from-offsets", "0:0")

    assert "5 source offsets: 3 answered, 0 pending, 0 missing, 0 echoes, 0 contradictions, 2 unknown" in result.stdout
    assert result.exit_code == 0


def test_what_is_older_than_the_ledger_is_unknown_and_no_alarm(created: RecordedDeployment) -> None:
    async def forgotten() -> None:
        await created.produce(2)
        await created.write_decisions(created.receipt((0, 1)), created.receipt((2, 2)))
        await created.produce(1)
        await created.commit(created.topics.source, {0: 3})
        await delete_before(created, created.topics.decisions.name, 1)

    asyncio.run(forgotten())

    result = run_audit(created)

    assert "3 source offsets: 1 answered, 0 pending, 0 missing, 0 echoes, 0 contradictions, 2 unknown" in result.stdout
    assert result.exit_code == 0


def test_the_offset_of_a_moment_is_found_by_time(created: RecordedDeployment) -> None:
    async def where() -> tuple[dict[int, int], dict[int, int]]:
        await created.produce(3)
        topic = created.topics.source.name
        async with offset_lookup(KafkaConnection(created.bootstrap_servers)) as lookup:
            before = await lookup.at(topic, range(PARTITIONS), created.started - timedelta(hours=1))
            after = await lookup.at(topic, range(PARTITIONS), created.started + timedelta(hours=1))
        return before, after

    assert asyncio.run(where()) == ({0: 0, 1: 0, 2: 0, 3: 0}, {0: 3, 1: 0, 2: 0, 3: 0})


def test_a_user_is_explained_from_their_own_partition(created: RecordedDeployment) -> None:
    decisions = [created.decision(offset, Reason.NO_COUPON, f"u-{offset}") for offset in range(20)]
    asyncio.run(created.write_decisions(*decisions))

    result = CliRunner().invoke(explain, ["--user", "u-7"], env=created.environment)

    assert len(result.stdout.splitlines()) == 2
    assert "no_coupon: there was no coupon to use here and now" in result.stdout
