"""One deployment on a Kafka cluster: its topics and its workers, which are started again when they die."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from demo.checks.decision_consumer import DecisionConsumer
from demo.checks.group_offsets import GroupOffsets
from demo.traffic import merchants_jsonl
from demo.workers.worker_process import OURS, Build, WorkerProcess, command_line
from demo.world import World
from saving_alerts.kafka.client import partition_of
from tests.end_to_end.conditions import wait_until
from tests.end_to_end.shoppers import good_coupons
from tests.faults.deployment_spec import DeploymentSpec
from tests.kafka_cluster.cluster import KafkaCluster

STABLE_TIMEOUT_SECONDS = 90

Assignments = dict[str, list[int]]


@dataclass(frozen=True, slots=True)
class Death:
    """A worker ended that was not asked to; `partitions` of the source were assigned to it."""

    worker: WorkerProcess
    exit_code: int
    at: datetime
    partitions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class WorkerStop:
    """A worker that was stopped or killed on purpose; `partitions` of the source were assigned to it."""

    requested_at: datetime
    exited_at: datetime
    partitions: tuple[int, ...]


class Deployment:
    """`workers` in the order they were added; `deaths` of them, after which each was started again.

    `restart_settings`, by worker name, are extra settings of that start; without an entry there are none. `build` is
    what its topics are created with, and what workers run that are added.
    """

    def __init__(self, world: World, cluster: KafkaCluster, spec: DeploymentSpec, build: Build = OURS) -> None:
        self.world = world
        self.cluster = cluster
        self.spec = spec
        self.build = build
        self.topics = spec.topics
        self.workers: list[WorkerProcess] = []
        self.deaths: list[Death] = []
        self.assignments: Assignments = {}
        self.decisions = DecisionConsumer(world.bootstrap_servers, self.topics.decisions.name)
        inputs = [topic.name for topic in self.topics.inputs.values()]
        self.offsets = GroupOffsets(world.bootstrap_servers, spec.group, inputs, spec.partitions)
        self.environment = {**world.environment, **spec.settings}
        self.restart_settings: dict[str, Mapping[str, str]] = {}
        self._with_extra_settings: set[str] = set()
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        created = command_line(["topics", "create"], self.environment, self.build)
        assert created.returncode == 0, created.stderr
        self.world.s3.put("rules.json", self.spec.rules)
        self.world.s3.put("merchants.jsonl", merchants_jsonl())
        self.world.coupon_api.coupons = good_coupons
        self._closing.enter_context(self.decisions)
        for _ in range(self.spec.workers):
            self.add_worker()
        self.wait_until_stable()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self.workers:
            worker.kill()
        self._closing.close()

    def add_worker(self) -> WorkerProcess:
        """Start one more; it is not ready yet."""
        worker = self.world.start_worker(self.spec.settings, self.build)
        self.workers.append(worker)
        return worker

    def remove_worker(self, worker: WorkerProcess) -> WorkerStop:
        """SIGTERM, and it is not started again."""
        self.workers.remove(worker)
        return self._stop(worker)

    def kill_worker(self, worker: WorkerProcess) -> WorkerStop:
        """SIGKILL, and it is not started again."""
        self.workers.remove(worker)
        worker.kill()
        now = datetime.now(UTC)
        return WorkerStop(now, now, tuple(self.assignments[worker.name]))

    def restart(self, worker: WorkerProcess, settings: Mapping[str, str] | None = None) -> WorkerStop:
        """SIGTERM, start again, wait until all partitions are assigned."""
        stopped = self._stop(worker)
        self.start(worker, settings)
        self.wait_until_stable()
        return stopped

    def replace(self, worker: WorkerProcess, build: Build) -> WorkerStop:
        """As `restart`, and what comes back is this build."""
        worker.build = build
        return self.restart(worker)

    def replace_all(self, build: Build) -> None:
        """Stop all workers, and start none of them before the last one has ended."""
        for worker in self.workers:
            worker.terminate()
        codes = [worker.wait() for worker in self.workers]
        assert codes == [0] * len(codes), codes
        for worker in self.workers:
            worker.build = build
            worker.start()
        self.wait_until_stable()

    def _stop(self, worker: WorkerProcess) -> WorkerStop:
        assigned, requested_at = tuple(self.assignments.get(worker.name, ())), datetime.now(UTC)
        code = worker.stop()
        assert code == 0, f"{worker.name} ended with {code}"
        return WorkerStop(requested_at, datetime.now(UTC), assigned)

    def start(self, worker: WorkerProcess, settings: Mapping[str, str] | None = None) -> None:
        worker.start(settings)
        if settings:
            self._with_extra_settings.add(worker.name)

    def restart_dead_workers(self) -> None:
        """As a supervisor would: start those that have ended since the last call."""
        for worker in self.workers:
            code = worker.exit_code
            if code is not None:
                assigned = tuple(self.assignments.get(worker.name, ()))
                self.deaths.append(Death(worker, code, datetime.now(UTC), assigned))
                self._with_extra_settings.discard(worker.name)
                self.start(worker, self.restart_settings.get(worker.name))

    def wait_until(self, condition: Callable[[], bool], timeout_seconds: float, what: str) -> None:
        """As `conditions.wait_until`; workers that die meanwhile are started again."""

        def restart_and_check() -> bool:
            self.restart_dead_workers()
            return condition()

        wait_until(restart_and_check, timeout_seconds, what)

    def wait_until_stable(self) -> None:
        """Return when every worker is ready and every partition is assigned; then `assignments` is up to date."""
        self.wait_until(self._is_stable, STABLE_TIMEOUT_SECONDS, "every partition is a ready worker's")

    def _is_stable(self) -> bool:
        if not all(worker.is_ready() for worker in self.workers):
            return False
        self.assignments = {worker.name: source_partitions(worker) for worker in self.workers}
        assigned = sorted(partition for partitions in self.assignments.values() for partition in partitions)
        busy = min(self.spec.partitions, len(self.workers))
        return assigned == list(range(self.spec.partitions)) and sum(map(bool, self.assignments.values())) == busy

    def partition_of(self, user_id: str) -> int:
        """The partition of a user's events in all stages after `validate`."""
        return partition_of(user_id.encode(), self.spec.partitions)

    def owner_of(self, partition: int) -> WorkerProcess:
        return next(worker for worker in self.workers if partition in self.assignments[worker.name])

    def restore(self) -> None:
        """As many workers as at the start, none of them paused, without extra settings; no faults in the APIs."""
        self.world.coupon_api.recover()
        self.world.push_api.recover()
        self.restart_settings.clear()
        for worker in self.workers:
            worker.resume()
            if worker.name in self._with_extra_settings:
                worker.stop()
                worker.start()
        self._with_extra_settings.clear()
        for worker in self.workers[self.spec.workers :]:
            self.remove_worker(worker)
        while len(self.workers) < self.spec.workers:
            self.add_worker()


def source_partitions(worker: WorkerProcess) -> list[int]:
    """The partitions of the source that are assigned to a worker, as its page shows them."""
    rows = worker.json("/stats.json").get("cluster", [])
    return next((sorted(row["partitions"]) for row in rows if row["name"] == worker.name), [])
