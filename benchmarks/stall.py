"""How fast one real worker gets through what a long stall has left: triggers whose deadlines have all passed.

The figures go into benchmarks/RESULTS.md.

python -m benchmarks.stall
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.progress import track

from benchmarks.deployment import create_deployment, fill_topic
from benchmarks.exit import print_measured
from benchmarks.results import machine, table, write_section
from benchmarks.source import PARTITIONS
from demo.traffic.directory import MERCHANTS
from demo.traffic.templates import Template
from demo.workers.worker_process import WorkerProcess
from demo.world import World
from saving_alerts.domain.events import EventType
from saving_alerts.domain.reasons import Reason
from tests.kafka_cluster.cluster import KafkaCluster

TITLE = "After a stall"
# Longer than the default freshness of every type of event.
STALL = timedelta(minutes=31)
POLL_SECONDS = 0.1
TIMEOUT_SECONDS = 300
WANTED_PER_SECOND = 8_000


@dataclass(frozen=True, slots=True)
class Drained:
    """Seconds from the first decision that was seen to the last, and how many lay between."""

    seconds: float
    events: int

    @property
    def per_second(self) -> float:
        return self.events / self.seconds


def main() -> int:
    """The exit code."""
    events = _arguments().events
    return print_measured(lambda: _measured(events))


def _measured(events: int) -> str:
    with KafkaCluster(brokers=1) as cluster, World(cluster.bootstrap_servers) as world:
        drained, pushes = _measure(world, events)
    return _written(drained, events, pushes)


def _measure(world: World, events: int) -> tuple[Drained, int]:
    environment = create_deployment(world)
    old = track(_old_triggers(events), "filling the source", total=events, console=Console(stderr=True))
    fill_topic(world.bootstrap_servers, world.topics.source.name, old)
    worker = world.start_worker(environment)
    return _watch(worker, events), len(world.push_api.accepted)


def _old_triggers(events: int) -> Iterator[tuple[bytes, bytes]]:
    now = datetime.now(UTC)
    for number in range(events):
        user, merchant = f"u-{number}", MERCHANTS[number % len(MERCHANTS)].merchant_id
        event = Template(f"e-{number}", user, EventType.GEOFENCE_ENTERED, merchant, details=0, age=STALL)
        yield user.encode(), event.value(now)


def _watch(worker: WorkerProcess, events: int) -> Drained:
    """All of them must end as expired."""
    give_up_at = time.monotonic() + TIMEOUT_SECONDS
    first = _wait_for(lambda: _decided(worker), give_up_at)
    began = time.monotonic()
    _wait_for(lambda: _decided(worker) >= events, give_up_at)
    drained = Drained(time.monotonic() - began, events - first)
    _wait_for(lambda: _expired(worker) == events, give_up_at)
    return drained


def _wait_for(number: Callable[[], int], give_up_at: float) -> int:
    while not (found := number()):
        if time.monotonic() > give_up_at:
            raise RuntimeError(f"not all events were decided as expired in {TIMEOUT_SECONDS} s")
        time.sleep(POLL_SECONDS)
    return found


def _decided(worker: WorkerProcess) -> int:
    """Of `validate`, as of now."""
    return next((int(row["decided"]) for row in worker.json("/stats.json").get("stages", [])), 0)


def _expired(worker: WorkerProcess) -> int:
    """As of the last heartbeat."""
    return int(worker.json("/stats.json").get("decisions", {}).get(Reason.EXPIRED, 0))


def _written(drained: Drained, events: int, pushes: int) -> str:
    method = (
        f"{events:,} triggers on {PARTITIONS} partitions, {STALL // timedelta(minutes=1)} minutes old, wait when one "
        "worker starts, with every setting at its default. Counted from its first decision to its last."
    )
    met = "met" if drained.per_second >= WANTED_PER_SECOND else "**not met**"
    rows = [
        ("events/s", f"{drained.per_second:,.0f}"),
        (f"at least {WANTED_PER_SECOND:,} events/s", met),
        ("ended as expired", f"{events:,}"),
        ("pushes", f"{pushes}"),
    ]
    return write_section(TITLE, machine(), method, table(("", "measured"), rows))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000, help="waiting on the source (default: %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
