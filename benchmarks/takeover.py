"""How long the partitions of a killed worker stand still, by the users of its Table, on a real Apache Kafka.

Three workers share the partitions. One is killed; an event waits in each partition. Measured is the time from the kill
to the last of their decisions, and, in turn, a bare aiokafka loop over the whole changelog. Figures go into
benchmarks/RESULTS.md.

python -m benchmarks.takeover
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.contenders.measure import resident_mib
from benchmarks.deployment import create_deployment, fill_topic
from benchmarks.exit import print_measured
from benchmarks.recovery import rows
from benchmarks.results import machine, table, write_section
from benchmarks.source import PARTITIONS
from demo.checks.decision_consumer import DecisionConsumer
from demo.traffic.templates import Template
from demo.workers.worker_process import WorkerProcess, wait_until_ready
from demo.world import World
from saving_alerts.domain.events import EventType
from saving_alerts.kafka.client import partition_of
from saving_alerts.settings import Settings
from tests.kafka_cluster.cluster import KafkaCluster

TITLE = "Takeover of a killed worker's partitions"
WORKERS = 3
TIMEOUT_SECONDS = 600
POLL_SECONDS = 0.05
SESSION_SECONDS = float(Settings.model_fields["session_timeout_seconds"].default)
WANTED_SECONDS = SESSION_SECONDS + 3


@dataclass(frozen=True, slots=True)
class Takeover:
    """`bare_seconds`: of an aiokafka loop over the whole changelog. `rss_mib` is the largest of those that are left."""

    users: int
    seconds: float
    bare_seconds: float
    rss_mib: float


def main() -> int:
    """The exit code."""
    users = _arguments().users
    return print_measured(lambda: _written([_takeover(number) for number in users]))


def _takeover(users: int) -> Takeover:
    with KafkaCluster(brokers=1) as cluster, World(cluster.bootstrap_servers) as world:
        settings = create_deployment(world)
        fill_topic(world.bootstrap_servers, world.topics.push_sends.name, rows(users))
        bare_seconds = _bare_seconds(world, users) if users else 0.0
        workers = [world.start_worker(settings) for _ in range(WORKERS)]
        wait_until_ready(workers, TIMEOUT_SECONDS)
        seconds = _killed(world, workers)
        rss_mib = max(resident_mib(worker.pid)["VmRSS"] for worker in workers[1:])
        return Takeover(users, seconds, bare_seconds, rss_mib)


def _killed(world: World, workers: Sequence[WorkerProcess]) -> float:
    """The seconds from the kill of the first one to an answer in every partition."""
    with DecisionConsumer(world.bootstrap_servers, world.topics.decisions.name) as decisions:
        _one_event_each(world, "before")
        _wait_for_answers(decisions, PARTITIONS)
        began = time.monotonic()
        workers[0].kill()
        _one_event_each(world, "after")
        _wait_for_answers(decisions, 2 * PARTITIONS)
        return time.monotonic() - began


def _one_event_each(world: World, name: str) -> None:
    """In every partition of the source one that no rule listens to."""
    users = {partition_of(user, PARTITIONS): user for user in (f"{name}-{n}".encode() for n in range(50 * PARTITIONS))}
    now = datetime.now(UTC)
    opened = EventType.APP_OPENED
    events = [
        Template(f"e-{name}-{n}", user.decode(), opened, "m-1", details=0).value(now) for n, user in users.items()
    ]
    fill_topic(world.bootstrap_servers, world.topics.source.name, zip(users.values(), events, strict=True))


def _wait_for_answers(decisions: DecisionConsumer, wanted: int) -> None:
    give_up_at = time.monotonic() + TIMEOUT_SECONDS
    while decisions.answered < wanted:
        if time.monotonic() > give_up_at:
            raise RuntimeError(f"{decisions.answered} of {wanted} events were answered in {TIMEOUT_SECONDS} s")
        time.sleep(POLL_SECONDS)


def _bare_seconds(world: World, users: int) -> float:
    return asyncio.run(_bare_loop(world.bootstrap_servers, world.topics.push_sends.name, users))


async def _bare_loop(bootstrap_servers: str, topic: str, users: int) -> float:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest")
    async with consumer:
        consumer.assign([TopicPartition(topic, number) for number in range(PARTITIONS)])
        began, left = time.monotonic(), users
        while left > 0:
            left -= sum(map(len, (await consumer.getmany(timeout_ms=200)).values()))
        return time.monotonic() - began


def _written(takeovers: Sequence[Takeover]) -> str:
    least = takeovers[0].seconds
    rows_of_table = [
        (
            f"{each.users:,}",
            f"{each.seconds:.1f} s",
            f"{each.seconds - least:.1f} s",
            f"{each.bare_seconds:.1f} s",
            f"{each.rss_mib:.0f}",
            "yes" if each.seconds <= WANTED_SECONDS else "**no**",
        )
        for each in takeovers
    ]
    method = f"{WORKERS} workers, {PARTITIONS} partitions, a session timeout of {SESSION_SECONDS:g} s; one is killed."
    wanted = f"within {WANTED_SECONDS:g} s"
    head = ("users", "all partitions answer after", "of which users", "bare loop over all", "RSS MiB", wanted)
    return write_section(TITLE, machine(), method, table(head, rows_of_table))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--users", type=int, nargs="+", default=[0, 100_000, 500_000], help="of the changelog (default: %(default)s)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
