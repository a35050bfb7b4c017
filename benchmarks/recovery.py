"""How long a worker needs to get its Table `push_sends` back from Kafka, on a real Apache Kafka of one broker.

A worker starts with an empty changelog, and with one of so many users, each pushed once. What differs between the two
is the recovery. The figures go into benchmarks/RESULTS.md.

python -m benchmarks.recovery
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.progress import track

from benchmarks.contenders.measure import resident_mib
from benchmarks.deployment import create_deployment, fill_topic
from benchmarks.exit import print_measured
from benchmarks.results import machine, table, write_section
from benchmarks.source import PARTITIONS
from demo.workers.worker_process import WorkerProcess
from demo.world import World
from saving_alerts.kafka.push_send_rows import ROW_VALUE, SendRow, microseconds
from tests.kafka_cluster.cluster import KafkaCluster

TITLE = "Recovery of the Table"
START_TIMEOUT_SECONDS = 600
WANTED_USERS, WANTED_SECONDS = 100_000, 30


@dataclass(frozen=True, slots=True)
class Start:
    """From the start of the process until it was ready, and its memory then."""

    users: int
    seconds: float
    rss_mib: float


def main() -> int:
    """The exit code."""
    users = _arguments().users
    return print_measured(lambda: _written([_start(number) for number in (0, *users)]))


def _start(users: int) -> Start:
    with KafkaCluster(brokers=1) as cluster, World(cluster.bootstrap_servers) as world:
        settings = create_deployment(world)
        records = track(rows(users), f"{users:,} users", total=users, console=Console(stderr=True))
        fill_topic(world.bootstrap_servers, world.topics.push_sends.name, records)
        began = time.monotonic()
        worker = world.start_worker(settings)
        worker.wait_until_ready(START_TIMEOUT_SECONDS)
        return Start(users, time.monotonic() - began, _rss_mib(worker))


def _rss_mib(worker: WorkerProcess) -> float:
    return resident_mib(worker.pid)["VmRSS"]


def rows(users: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values as the Table writes them, with ids of 36 characters: one send each."""
    sent_at = microseconds(datetime.now(UTC) - timedelta(hours=1))
    for number in range(users):
        row = SendRow(
            "saving-events",
            number % PARTITIONS,
            number,
            f"e-{number:034d}",
            f"m-{number % 1000:034d}",
            sent_at,
            uncertain=False,
        )
        yield row.key(f"u-{number:034d}".encode()), ROW_VALUE


def _written(starts: Sequence[Start]) -> str:
    empty, *full = starts
    rows = [_row(start, empty) for start in full]
    method = f"One worker, {PARTITIONS} partitions; with an empty changelog it is ready after {empty.seconds:.1f} s."
    head = ("users", "ready after", "of which recovery", "users/s", "RSS MiB", f"within {WANTED_SECONDS} s")
    return write_section(TITLE, machine(), method, table(head, rows))


def _row(start: Start, empty: Start) -> tuple[str, ...]:
    recovery = start.seconds - empty.seconds
    wanted = ("yes" if start.seconds < WANTED_SECONDS else "**no**") if start.users <= WANTED_USERS else "not asked"
    return (
        f"{start.users:,}",
        f"{start.seconds:.1f} s",
        f"{recovery:.1f} s",
        f"{start.users / recovery:,.0f}",
        f"{start.rss_mib:.0f}",
        wanted,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--users", type=int, nargs="+", default=[100_000, 500_000], help="of the changelog (default: %(default)s)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
