"""The workers of one consumer group, started again whenever one ends, as their supervisor would."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from demo.checks.decision_follower import LedgerWatch
from demo.checks.group_offsets import GroupOffsets
from demo.traffic import merchants_jsonl
from demo.workers.worker_process import WorkerProcess, command_line
from demo.world import World
from saving_alerts.domain.decisions import Stage
from saving_alerts.kafka.client import partition_of
from tests.end_to_end.conditions import wait_until
from tests.end_to_end.shoppers import good_coupons
from tests.faults.shape import Shape
from tests.kafka_cluster.cluster import KafkaCluster

SETTLE_TIMEOUT_SECONDS = 90

Shares = dict[str, list[int]]


@dataclass(frozen=True, slots=True)
class Death:
    """The end of a worker that nobody had sent home; `partitions` are the source's that it had."""

    worker: WorkerProcess
    exit_code: int
    at: datetime
    partitions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Leave:
    """The end of a worker that was told to stop."""

    told_at: datetime
    gone_at: datetime
    partitions: tuple[int, ...]


class Crew:
    """Workers on duty in the order they came; `deaths` of them, each followed by a start.

    That start is without extra settings, but for those who are `doomed` to have them again.
    """

    def __init__(self, world: World, cluster: KafkaCluster, shape: Shape) -> None:
        self.world = world
        self.cluster = cluster
        self.shape = shape
        self.topics = shape.topics
        self.workers: list[WorkerProcess] = []
        self.deaths: list[Death] = []
        self.shares: Shares = {}
        self.watch = LedgerWatch(world.bootstrap_servers, self.topics.decisions.name)
        inputs = [topic.name for topic in self.topics.inputs.values()]
        self.offsets = GroupOffsets(world.bootstrap_servers, shape.group, inputs, shape.partitions)
        self.environment = {**world.environment, **shape.settings}
        self.doomed: dict[str, Mapping[str, str]] = {}
        self._specially_treated: set[str] = set()
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        created = command_line(["topics", "create"], self.environment)
        assert created.returncode == 0, created.stderr
        self.world.s3.put("rules.json", self.shape.rules)
        self.world.s3.put("merchants.jsonl", merchants_jsonl())
        self.world.coupon_api.coupons = good_coupons
        self._closing.enter_context(self.watch)
        for _ in range(self.shape.workers):
            self.hire()
        self.wait_until_settled()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self.workers:
            worker.kill()
        self._closing.close()

    def hire(self) -> WorkerProcess:
        """One more; it is not ready yet."""
        worker = self.world.start_worker(self.shape.settings)
        self.workers.append(worker)
        return worker

    def send_home(self, worker: WorkerProcess) -> Leave:
        """SIGTERM. Nobody starts it again."""
        self.workers.remove(worker)
        return self._dismiss(worker)

    def bury(self, worker: WorkerProcess) -> Leave:
        """SIGKILL. Nobody starts it again."""
        self.workers.remove(worker)
        worker.kill()
        now = datetime.now(UTC)
        return Leave(now, now, tuple(self.shares[worker.name]))

    def restart(self, worker: WorkerProcess, settings: Mapping[str, str] | None = None) -> Leave:
        """SIGTERM, start again, wait until everything is spread anew."""
        leave = self._dismiss(worker)
        self.start(worker, settings)
        self.wait_until_settled()
        return leave

    def _dismiss(self, worker: WorkerProcess) -> Leave:
        share, told_at = tuple(self.shares.get(worker.name, ())), datetime.now(UTC)
        code = worker.stop()
        assert code == 0, f"{worker.name} ended with {code}"
        return Leave(told_at, datetime.now(UTC), share)

    def start(self, worker: WorkerProcess, settings: Mapping[str, str] | None = None) -> None:
        worker.start(settings)
        if settings:
            self._specially_treated.add(worker.name)

    def look(self) -> None:
        """Start again whoever has died since the last look."""
        for worker in self.workers:
            code = worker.exit_code
            if code is not None:
                share = tuple(self.shares.get(worker.name, ()))
                self.deaths.append(Death(worker, code, datetime.now(UTC), share))
                self._specially_treated.discard(worker.name)
                self.start(worker, self.doomed.get(worker.name))

    def wait_until(self, condition: Callable[[], bool], timeout_seconds: float, what: str) -> None:
        """As `conditions.wait_until`, and whoever dies meanwhile is started again."""

        def look_and_ask() -> bool:
            self.look()
            return condition()

        wait_until(look_and_ask, timeout_seconds, what)

    def wait_until_settled(self) -> None:
        """Return when every worker is ready and every partition is somebody's; `shares` says whose."""
        self.wait_until(self._is_settled, SETTLE_TIMEOUT_SECONDS, "every partition is a ready worker's")

    def _is_settled(self) -> bool:
        if not all(worker.is_ready() for worker in self.workers):
            return False
        self.shares = {worker.name: source_partitions(worker) for worker in self.workers}
        held = sorted(partition for share in self.shares.values() for partition in share)
        fair = min(self.shape.partitions, len(self.workers))
        return held == list(range(self.shape.partitions)) and sum(map(bool, self.shares.values())) == fair

    def partition_of(self, user_id: str) -> int:
        """Where the stages behind `validate` have a user's events."""
        return partition_of(user_id.encode(), self.shape.partitions)

    def owner_of(self, partition: int) -> WorkerProcess:
        return next(worker for worker in self.workers if partition in self.shares[worker.name])

    def heal(self) -> None:
        """As many workers as in the beginning, awake, with the usual settings only; the APIs are well."""
        self.world.coupon_api.recover()
        self.world.push_api.recover()
        self.doomed.clear()
        for worker in self.workers:
            worker.wake()
            if worker.name in self._specially_treated:
                worker.stop()
                worker.start()
        self._specially_treated.clear()
        for worker in self.workers[self.shape.workers :]:
            self.send_home(worker)
        while len(self.workers) < self.shape.workers:
            self.hire()


def source_partitions(worker: WorkerProcess) -> list[int]:
    """Which of the source's partitions a worker says are its own."""
    rows = worker.json("/stats.json").get("cluster", [])
    return next((sorted(row["partitions"]) for row in rows if row["name"] == worker.name), [])


def in_flight(worker: WorkerProcess, stage: Stage) -> int:
    """How many events a worker has taken into a stage and not finished."""
    return _stage_number(worker, stage, "in_flight")


def taken(worker: WorkerProcess, stage: Stage) -> int:
    """How many events a worker has taken into a stage since it started."""
    return _stage_number(worker, stage, "taken")


def _stage_number(worker: WorkerProcess, stage: Stage, name: str) -> int:
    stages = worker.json("/stats.json").get("stages", [])
    return next((int(each[name]) for each in stages if each["stage"] == stage), 0)
