"""Two holes cut into a ledger of 20,000 offsets on a real Kafka: `audit` names exactly those."""

from collections.abc import Iterator

import pytest

from demo.workers.worker_process import clean_environment, command_line
from tests.kafka_cluster.cluster import KafkaCluster
from tests.kafka_cluster.libraries import require_java_and_maven
from tests.support.recorded_deployment import PARTITIONS, RecordedDeployment
from tests.unit.ledger.answered_source import AnsweredSource, is_trigger

pytestmark = pytest.mark.kafka

OFFSETS_PER_PARTITION = 5_000
IN_A_RECEIPT, IN_A_DECISION = (1, 1234), (3, 4000)


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """The settings of a deployment of which everything is answered but the two places."""
    require_java_and_maven()
    assert (is_trigger(IN_A_RECEIPT[1]), is_trigger(IN_A_DECISION[1])) == (False, True)
    with KafkaCluster(brokers=1) as cluster:
        deployment = RecordedDeployment(cluster.bootstrap_servers, "holes")
        one_broker = {"SAVING_ALERTS_TOPIC_PARTITIONS": str(PARTITIONS), "SAVING_ALERTS_TOPIC_REPLICATION_FACTOR": "1"}
        environment = {**clean_environment(), **deployment.environment, **one_broker}
        command_line(["topics", "create"], environment).check_returncode()
        AnsweredSource(deployment, PARTITIONS, OFFSETS_PER_PARTITION, {IN_A_RECEIPT, IN_A_DECISION}).write()
        yield environment


def test_an_offset_left_out_of_a_receipt_and_a_decision_left_out_are_named(environment: dict[str, str]) -> None:
    result = command_line(["audit"], environment)

    assert result.stdout.splitlines()[-3:] == [
        "partition 1: missing 1234",
        "partition 3: missing 4000",
        "20,000 source offsets: 19,998 answered, 0 pending, 2 missing, 0 echoes, 0 contradictions, 0 unknown",
    ]
    assert result.returncode == 1


def test_around_the_holes_nothing_is_missing(environment: dict[str, str]) -> None:
    result = command_line(["audit", "--from-offsets", "0:0,1:1235,2:0,3:0", "--to-offsets", "3:4000"], environment)

    assert "4,000 source offsets: 4,000 answered, 0 pending, 0 missing" in result.stdout
    assert result.returncode == 0
