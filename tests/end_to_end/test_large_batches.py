"""Record batches that become very large, on a real Apache Kafka, which checks what it is given: the worker stays."""

from collections.abc import Iterator

import pytest

from demo.checks.decision_consumer import DecisionConsumer
from demo.workers.worker_process import WorkerProcess, command_line
from demo.world import World
from saving_alerts.domain.reasons import Reason
from tests.end_to_end.conditions import peak_mebibytes, wait_until
from tests.end_to_end.shoppers import good_coupons, long_freshness_rules, visit
from tests.kafka_cluster.cluster import KafkaCluster
from tests.kafka_cluster.libraries import require_java_and_maven
from tests.support.batch_bytes import GZIP, LZ4, MEBIBYTE, ZSTD, batch, write_batch

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

PARTITIONS = 12
ANSWER_SECONDS = 60
MOST_MEBIBYTES = 400
MANY = 20_000  # more than get a decision each: they share a receipt
ONE_BROKER = {
    "SAVING_ALERTS_TOPIC_PARTITIONS": str(PARTITIONS),
    "SAVING_ALERTS_TOPIC_REPLICATION_FACTOR": "1",
}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    require_java_and_maven()
    with KafkaCluster(brokers=1) as cluster, World(cluster.bootstrap_servers, ONE_BROKER) as world:
        assert command_line(["topics", "create"], world.environment).returncode == 0
        world.publish_reference_data()
        world.s3.put("rules.json", long_freshness_rules())
        world.coupon_api.coupons = good_coupons
        yield world


@pytest.fixture(scope="module")
def worker(world: World) -> WorkerProcess:
    worker = world.start_worker()
    worker.wait_until_ready()
    return worker


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("codec", "values"),
    [
        pytest.param(GZIP, [b"{}", 200 * MEBIBYTE, b"{}"], id="gzip"),
        pytest.param(LZ4, [150 * MEBIBYTE], id="lz4"),
        pytest.param(ZSTD, [b"{}", 900 * MEBIBYTE], id="zstd"),
        pytest.param(ZSTD, [4 * 1024] * MANY, id="many records"),
    ],
)
async def test_it_is_refused_and_every_partition_goes_on(
    world: World, worker: WorkerProcess, codec: int, values: list[bytes | int | None]
) -> None:
    source, name = world.topics.source.name, f"{codec}-{len(values)}"
    data = batch(values, codec)

    with DecisionConsumer(world.bootstrap_servers, world.topics.decisions.name) as decisions:
        refused, pushed = [], []
        for partition in range(PARTITIONS):
            refused.append(await write_batch(world.bootstrap_servers, source, data, len(values), partition))
            event = batch([visit(f"e-{name}-{partition}", f"u-{name}-{partition}").value()])
            pushed.append(await write_batch(world.bootstrap_servers, source, event, 1, partition))

        positions = [(partition, first + number) for partition, first in refused for number in range(len(values))]
        wait_until(
            lambda: worker.exit_code is not None or all(map(decisions.reason, positions + pushed)),
            ANSWER_SECONDS,
            "the large batches and the events behind them are answered",
        )
        assert worker.exit_code is None
        assert {decisions.reason(position) for position in positions} == {Reason.INVALID}
        assert {decisions.reason(position) for position in pushed} == {Reason.PUSHED}
    assert peak_mebibytes(worker) < MOST_MEBIBYTES


def test_the_audit_finds_every_offset_answered(world: World, worker: WorkerProcess) -> None:
    audited = command_line(["audit"], world.environment)

    assert audited.returncode == 0, audited.stdout + audited.stderr
    assert " 0 missing" in audited.stdout
