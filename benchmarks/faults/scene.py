"""One contender under the faults: two processes on three brokers, with every setting at its default."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import count, takewhile

from confluent_kafka.admin import AdminClient
from rich.console import Console

from benchmarks.faults.figures import Figures, Push
from benchmarks.faults.members import GROUP, Member
from benchmarks.faults.plan import Fault, Planned
from demo.stub_apis.faults import Behaviour
from demo.traffic.paced_producer import PacedProducer, Record
from demo.world import World
from tests.end_to_end.shoppers import visit
from tests.kafka_cluster.cluster import KafkaCluster

PER_SECOND = 50
SETTLE_TIMEOUT_SECONDS = 120
ADMIN_TIMEOUT_SECONDS = 10
LOOK_SECONDS = 0.05
# Who hangs at `SOME_HANG`, until `APIS_ANSWER`.
HANGING_SECONDS, ONE_IN = 30, 10
HANG = Behaviour(fault="hang")
FAIL = Behaviour(fault="status", status=500)


class Scene:
    """Everything one contender is exposed to. `members` are running, and are started again when they end."""

    def __init__(self, cluster: KafkaCluster, world: World, members: Sequence[Member]) -> None:
        self._cluster = cluster
        self._world = world
        self._members = members
        self._producer = PacedProducer(world.bootstrap_servers, world.topics.source.name)
        self._produced: dict[str, datetime] = {}
        self._ends = threading.Event()
        self._told = Console(stderr=True)
        self._apis = (world.coupon_api, world.push_api)

    def warm_up(self) -> None:
        """Return when a push came from every partition that has a user of the first second."""
        self._write(f"warm-{number}" for number in range(10 * PER_SECOND))
        self._until_pushed(set(self._produced))
        self._produced.clear()

    def run(self, plan: Sequence[Planned], seconds: float) -> Figures:
        """The load, and the faults in it, in this order."""
        load = threading.Thread(target=self._write, args=(self._names(),), daemon=True)
        began, at = time.monotonic(), datetime.now(UTC)
        load.start()
        for planned in plan:
            self._look_after_members(began + planned.at)
            self._told.print(f"{planned.at:5.0f} s: {planned.fault.name}")
            self._apply(planned.fault)
        self._look_after_members(began + seconds)
        self._ends.set()
        load.join()
        self._until_pushed(set(self._produced))
        return self._figures(at, seconds)

    def _names(self) -> Iterator[str]:
        return (_name(number) for number in takewhile(lambda _: not self._ends.is_set(), count()))

    def _write(self, names: Iterator[str]) -> None:
        self._producer.write(map(self._visit, names), PER_SECOND)

    def _visit(self, name: str) -> Record:
        self._produced[name] = datetime.now(UTC)
        return visit(name, name)

    def _look_after_members(self, until: float) -> None:
        while time.monotonic() < until:
            self._restart_ended()
            time.sleep(LOOK_SECONDS)

    def _restart_ended(self) -> None:
        for number, member in enumerate(self._members, 1):
            if (code := member.exit_code) is not None:
                self._told.print(f"process {number} ended with {code}")
                member.start()

    def _until_pushed(self, users: set[str]) -> None:
        """Or until no more can be expected: `Figures.lost` says who was not."""
        give_up_at = time.monotonic() + SETTLE_TIMEOUT_SECONDS
        while time.monotonic() < give_up_at and users - {push.push.user_id for push in self._world.push_api.accepted}:
            self._restart_ended()
            time.sleep(LOOK_SECONDS)

    def _apply(self, fault: Fault) -> None:
        first, second = self._members[0], self._members[-1]
        redis, cluster = self._world.redis, self._cluster
        actions: dict[Fault, Callable[[], None]] = {
            Fault.KILL_FIRST: first.kill,
            Fault.KILL_SECOND: second.kill,
            Fault.PAUSE_FIRST: first.pause,
            Fault.RESUME_FIRST: first.resume,
            Fault.SOME_HANG: self._some_hang,
            Fault.APIS_FAIL: self._apis_fail,
            Fault.APIS_ANSWER: self._apis_answer,
            Fault.KILL_COORDINATOR: lambda: cluster.kill(self._coordinator()),
            Fault.START_BROKERS: cluster.start_all,
            Fault.FREEZE_REDIS: redis.pause,
            Fault.RESUME_REDIS: redis.resume,
        }
        actions[fault]()

    def _apis_fail(self) -> None:
        for api in self._apis:
            api.behave(FAIL)

    def _apis_answer(self) -> None:
        """What hangs goes on."""
        for api in self._apis:
            api.recover()

    def _some_hang(self) -> None:
        """Neither API answers some of the users who come next."""
        first = len(self._produced)
        for number in range(first, first + HANGING_SECONDS * PER_SECOND, ONE_IN):
            for api in self._apis:
                api.behave(HANG, user_id=_name(number))

    def _coordinator(self) -> int:
        admin = AdminClient({"bootstrap.servers": self._world.bootstrap_servers})
        found = admin.describe_consumer_groups([GROUP])[GROUP].result(ADMIN_TIMEOUT_SECONDS)
        return int(found.coordinator.id)

    def _figures(self, at: datetime, seconds: float) -> Figures:
        accepted: dict[str, datetime] = {}
        pushed = Counter(push.push.user_id for push in self._world.push_api.accepted)
        for push in self._world.push_api.accepted:
            accepted.setdefault(push.push.user_id, push.accepted_at)
        pushes = [
            Push(
                partition=self._producer.positions[name][0],
                produced=(produced - at).total_seconds(),
                accepted=(accepted[name] - at).total_seconds() if name in accepted else None,
            )
            for name, produced in self._produced.items()
        ]
        return Figures(pushes, sum(pushed[name] > 1 for name in self._produced), 0, seconds)


def _name(number: int) -> str:
    return f"user-{number}"
