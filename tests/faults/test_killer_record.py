"""A record that kills every worker that touches it: it is found, set aside and explained, and the others go on."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from demo.feed import Feed, Record
from demo.ledger_watch import LedgerWatch
from demo.traffic.directory import MERCHANTS
from demo.traffic.templates import Template
from demo.worker_process import WorkerProcess, command_line
from demo.world import World
from saving_alerts.domain.decisions import Reason
from saving_alerts.domain.events import EventType
from tests.end_to_end.conditions import wait_until
from tests.kafka_cluster.cluster import KafkaCluster
from tests.kafka_cluster.libraries import require_java_and_maven

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

SIGKILL_EXIT_CODE = -9
DEATHS = 5
DEATH_TIMEOUT_SECONDS = 60
ANSWER_TIMEOUT_SECONDS = 60
SETTINGS = {
    "SAVING_ALERTS_TOPIC_PARTITIONS": "4",
    "SAVING_ALERTS_TOPIC_REPLICATION_FACTOR": "1",
    "SAVING_ALERTS_SESSION_TIMEOUT_SECONDS": "6",
    "SAVING_ALERTS_GROUP_HEARTBEAT_SECONDS": "1.5",
}
# It stands for a record whose step takes the process down.
KILLING = {"SAVING_ALERTS_FAILPOINT": "before_step@query_coupons"}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    require_java_and_maven()
    with KafkaCluster(brokers=1) as cluster, World(cluster.bootstrap_servers, SETTINGS) as world:
        assert command_line(["topics", "create"], world.environment).returncode == 0
        world.publish_reference_data()
        yield world


def shopper(name: str) -> Record:
    template = Template(name, f"u-{name}", EventType.GEOFENCE_ENTERED, MERCHANTS[0].merchant_id, details=1)
    return Record(name, template.user_id.encode(), lambda: template.value(datetime.now(UTC)))


def deaths_of(worker: WorkerProcess, watch: LedgerWatch, place: tuple[int, int]) -> int:
    """How often the worker dies, and is started again, before the record has its answer."""
    deaths = 0
    while watch.reason(place) is None:
        wait_until(lambda: not worker.is_running() or watch.reason(place) is not None, DEATH_TIMEOUT_SECONDS, "an end")
        if not worker.is_running():
            assert worker.wait() == SIGKILL_EXIT_CODE
            deaths += 1
            worker.start()
    return deaths


def test_a_record_that_kills_its_worker_becomes_a_dead_letter(world: World) -> None:
    worker = world.start_worker(KILLING)
    worker.wait_until_ready()
    with LedgerWatch(world.bootstrap_servers, world.topics.decisions.name) as watch:
        feed = Feed(world.bootstrap_servers, world.topics.source.name)
        feed.write([shopper("killer")], per_second=10)
        deaths = deaths_of(worker, watch, feed.places["killer"])
        reason = watch.reason(feed.places["killer"])
        worker.stop()

    assert (deaths, reason) == (DEATHS, Reason.DEAD_LETTER)
    assert command_line(["audit"], world.environment).returncode == 0
