"""How long partitions stand still when a member goes or comes back, without and with static membership.

Three workers share the partitions of a real Apache Kafka, and events come at a steady rate. One worker is restarted
(stopped with its drain, started again at once), stopped for good, or killed and started again at once. Measured are the
longest time in which a partition answered nothing, and how often one of the workers that stayed joined its group.
Figures go into benchmarks/RESULTS.md.

python -m benchmarks.membership
"""

import argparse
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count, takewhile

from benchmarks.deployment import create_deployment
from benchmarks.exit import print_measured
from benchmarks.results import machine, table, write_section
from benchmarks.source import PARTITIONS
from demo.checks.decision_consumer import DecisionConsumer
from demo.traffic.paced_producer import PacedProducer, Record
from demo.workers.worker_process import WorkerProcess, wait_until_ready
from demo.world import World
from tests.end_to_end.shoppers import app_opened
from tests.kafka_cluster.cluster import KafkaCluster

TITLE = "Members that go and come back"
WORKERS = 3
EVENTS_PER_SECOND = 300
TIMEOUT_SECONDS = 90
POLL_SECONDS = 0.1
# What stands still for longer than the last answer shows is seen in this time.
AFTERWARDS_SECONDS = 3
NAME_VARIABLE = "CONSUMER_GROUP_INSTANCE_ID"  # read by Faust
JOINED = "Joined group"  # aiokafka's log


@dataclass(frozen=True, slots=True)
class Change:
    """`pause_seconds`: the longest of any partition; None: some answered nothing until the measurement gave up."""

    membership: str
    name: str
    pause_seconds: float | None
    joins: int


def restarted(worker: WorkerProcess) -> None:
    worker.stop()
    worker.start()


def killed(worker: WorkerProcess) -> None:
    worker.kill()
    worker.start()


CHANGES: dict[str, Callable[[WorkerProcess], object]] = {
    "restarted after its drain": restarted,
    "stopped after its drain, for good": WorkerProcess.stop,
    "killed, started again at once": killed,
}
MEMBERSHIPS = ("as it is", "static")


class Load:
    """Events that no rule listens to, at a steady rate, while the block runs."""

    def __init__(self, world: World) -> None:
        self._producer = PacedProducer(world.bootstrap_servers, world.topics.source.name)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._write, name="load", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _write(self) -> None:
        self._producer.write(self._events(), EVENTS_PER_SECOND)

    def _events(self) -> Iterator[Record]:
        numbers = takewhile(lambda _: not self._stopping.is_set(), count())
        return (app_opened(f"e-{number}", f"u-{number}") for number in numbers)


def main() -> int:
    """The exit code."""
    rounds = _arguments().rounds
    return print_measured(lambda: _written(list(_all(rounds))))


def _all(rounds: int) -> Iterator[Change]:
    for _ in range(rounds):
        for name in CHANGES:
            for membership in MEMBERSHIPS:
                change = _measured(membership, name)
                print(change, file=sys.stderr, flush=True)
                yield change


def _measured(membership: str, name: str) -> Change:
    with KafkaCluster(brokers=1) as cluster, World(cluster.bootstrap_servers) as world:
        settings = create_deployment(world)
        workers = [
            world.start_worker(settings | ({NAME_VARIABLE: f"member-{number}"} if membership == "static" else {}))
            for number in range(WORKERS)
        ]
        wait_until_ready(workers, TIMEOUT_SECONDS)
        with DecisionConsumer(world.bootstrap_servers, world.topics.decisions.name) as decisions, Load(world):
            _wait_for_answers(decisions, datetime.now(UTC))
            began, joins = datetime.now(UTC), workers[-1].log().count(JOINED)
            CHANGES[name](workers[0])
            answered = _wait_for_answers(decisions, _all_are_there(workers))
            time.sleep(AFTERWARDS_SECONDS)
            pauses = [decisions.longest_pause(each, began, datetime.now(UTC)) for each in range(PARTITIONS)]
        return Change(membership, name, max(pauses) if answered else None, workers[-1].log().count(JOINED) - joins)


def _all_are_there(workers: Sequence[WorkerProcess]) -> datetime:
    """When every worker that runs is ready, or the measurement has waited long enough."""
    give_up_at = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < give_up_at:
        workers[0].supervise()
        if all(worker.is_ready() for worker in workers if worker.is_running()):
            break
        time.sleep(POLL_SECONDS)
    return datetime.now(UTC)


def _wait_for_answers(decisions: DecisionConsumer, since: datetime) -> bool:
    """Whether every partition has answered an event since then."""
    give_up_at = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < give_up_at:
        if all(decisions.first_receipt_after(each, since) for each in range(PARTITIONS)):
            return True
        decisions.wait_for_change(POLL_SECONDS)
    return False


def _written(changes: Sequence[Change]) -> str:
    rows = [
        (name, membership, *_cells([each for each in changes if (each.membership, each.name) == (membership, name)]))
        for name in CHANGES
        for membership in MEMBERSHIPS
    ]
    method = (
        f"{WORKERS} workers, {PARTITIONS} partitions, {EVENTS_PER_SECOND} events/s, every setting at its default; one "
        "worker goes. Each figure is of one run. Static: each has a name of its own (`group.instance.id`)."
    )
    head = ("one of three is", "membership", "longest pause of a partition", "joins of one that stayed")
    return write_section(TITLE, machine(), method, table(head, rows))


def _cells(changes: Sequence[Change]) -> tuple[str, str]:
    pauses = [
        f"{each.pause_seconds:.1f} s" if each.pause_seconds is not None else f"over {TIMEOUT_SECONDS} s"
        for each in changes
    ]
    return ", ".join(pauses), ", ".join(str(each.joins) for each in changes)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2, help="in turn (default: %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
