"""How long opt-outs take to be read, on a real Apache Kafka of one broker, and what one of them takes of memory.

A worker starts with no opt-outs on our topic, and with so many in each partition; the ids have 36 characters. Then
three workers share them, one is killed, and the others read what it had. A bare aiokafka loop reads the same topic. The
figures go into benchmarks/RESULTS.md.

python -m benchmarks.consent
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from aiokafka import AIOKafkaConsumer, TopicPartition
from confluent_kafka import Producer
from rich.console import Console
from rich.progress import track

from benchmarks.contenders.measure import resident_mib
from benchmarks.deployment import create_deployment
from benchmarks.exit import print_measured
from benchmarks.results import machine, table, write_section
from benchmarks.source import BUFFERED_RECORDS, FLUSH_TIMEOUT_SECONDS, PARTITIONS
from demo.workers.worker_process import WorkerProcess, wait_until_ready
from demo.world import World
from saving_alerts.adapters.consent_records import FROM_HEADER
from saving_alerts.domain.consent import Origin
from saving_alerts.kafka.client import partition_of
from saving_alerts.kafka.unpacking import unpack_for_aiokafka
from tests.kafka_cluster.cluster import KafkaCluster

TITLE = "Reading opt-outs"
START_TIMEOUT_SECONDS = 300
CONSENT = {"SAVING_ALERTS_CONSENT_TOPIC": "saving-consent"}
SESSION_SECONDS = 10  # the default: so long nobody knows that a worker is dead
WORKERS = 3
POLL_SECONDS = 0.05
BARE_RECORDS = 2_000  # as many as the worker takes at a time
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Run:
    """With so many opt-outs in all: from the start of the process until it was ready, its memory then, a bare loop over
    the same records, and from the kill of one of three workers until the others knew of all.
    """

    opt_outs: int
    start_seconds: float
    rss_mib: float
    bare_seconds: float
    takeover_seconds: float


def main() -> int:
    """The exit code."""
    numbers = _arguments().opt_outs
    return print_measured(lambda: _written([_run(number * PARTITIONS) for number in (0, *numbers)]))


def _run(opt_outs: int) -> Run:
    with KafkaCluster(brokers=1) as cluster, World(cluster.bootstrap_servers, CONSENT) as world:
        settings = create_deployment(world)
        _fill(world, opt_outs)
        bare_seconds = asyncio.run(_read_barely(world, opt_outs)) if opt_outs else 0.0
        began = time.monotonic()
        first = world.start_worker(settings)
        first.wait_until_ready(START_TIMEOUT_SECONDS)
        start_seconds, rss_mib = time.monotonic() - began, resident_mib(first.pid)["VmRSS"]
        workers = [first, *(world.start_worker(settings) for _ in range(WORKERS - 1))]
        wait_until_ready(workers, START_TIMEOUT_SECONDS)
        return Run(opt_outs, start_seconds, rss_mib, bare_seconds, _taken_over(workers))


def _taken_over(workers: Sequence[WorkerProcess]) -> float:
    killed, *others = workers
    began = time.monotonic()
    killed.kill()
    while sum(map(_known_partitions, others)) < PARTITIONS:
        if time.monotonic() - began > START_TIMEOUT_SECONDS:
            raise TimeoutError("the partitions of the killed worker were not taken over")
        time.sleep(POLL_SECONDS)
    return time.monotonic() - began


def _known_partitions(worker: WorkerProcess) -> int:
    """0 where the worker is not ready: then there is one that it has not read."""
    health = worker.health()
    details = {each["name"]: each["detail"] for each in health.get("conditions", ())}
    return int(details["kafka"].split()[0]) if health.get("ready") else 0


def _fill(world: World, opt_outs: int) -> None:
    """As the re-keying writes them."""
    topic = world.topics.consent
    if topic is None:
        raise RuntimeError("the world has no consent changes")
    now_ms = int(time.time() * 1000)
    configuration = {"bootstrap.servers": world.bootstrap_servers, "queue.buffering.max.messages": BUFFERED_RECORDS}
    producer = Producer(configuration)
    for number in track(range(opt_outs), f"{opt_outs:,} opt-outs", console=Console(stderr=True)):
        key, origin = f"{number:036d}".encode(), Origin(number % 7, number, now_ms, PARTITIONS)
        headers: list[tuple[str, str | bytes | None]] = [(FROM_HEADER, origin.written)]
        producer.produce(topic.name, b"", key, partition_of(key, PARTITIONS), headers=headers)
        if number % BARE_RECORDS == 0:
            producer.poll(0)
    if producer.flush(FLUSH_TIMEOUT_SECONDS):
        raise RuntimeError("Kafka did not take all opt-outs")


async def _read_barely(world: World, opt_outs: int) -> float:
    unpack_for_aiokafka()
    name = f"{world.topics.alerts.name.rpartition('.')[0]}.consent"
    partitions = [TopicPartition(name, number) for number in range(PARTITIONS)]
    connect = partial(AIOKafkaConsumer, bootstrap_servers=world.bootstrap_servers, isolation_level="read_committed")
    async with connect(auto_offset_reset="earliest") as consumer:
        began, left = time.monotonic(), opt_outs
        consumer.assign(partitions)
        while left > 0:
            fetched = await consumer.getmany(timeout_ms=200, max_records=BARE_RECORDS)
            left -= sum(map(len, fetched.values()))
        return time.monotonic() - began


def _written(runs: Sequence[Run]) -> str:
    empty, *full = runs
    method = (
        f"One worker, {PARTITIONS} partitions; without opt-outs it is ready after {empty.start_seconds:.1f} s. Then "
        f"{WORKERS} workers, one killed: without opt-outs all is known again after {empty.takeover_seconds:.1f} s, of "
        f"which {SESSION_SECONDS} s are the session timeout."
    )
    head = (
        "opt-outs",
        "ready after",
        "of which reading",
        "opt-outs/s",
        "bare loop",
        "known again after a kill",
        "bytes of RSS an opt-out",
    )
    return write_section(TITLE, machine(), method, table(head, [_row(run, empty) for run in full]))


def _row(run: Run, empty: Run) -> tuple[str, ...]:
    reading = max(run.start_seconds - empty.start_seconds, 0.1)
    return (
        f"{run.opt_outs:,}",
        f"{run.start_seconds:.1f} s",
        f"{reading:.1f} s",
        f"{run.opt_outs / reading:,.0f}",
        f"{run.opt_outs / run.bare_seconds:,.0f}/s",
        f"{run.takeover_seconds:.1f} s",
        f"{(run.rss_mib - empty.rss_mib) * MIB / run.opt_outs:.0f}",
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--opt-outs", type=int, nargs="+", default=[5_000, 50_000], help="in each partition (default: %(default)s)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
