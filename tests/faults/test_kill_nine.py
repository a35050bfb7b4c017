"""kill -9 of every worker in turn under load: nothing lost, nothing pushed twice, nobody silenced."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from demo.ledger_watch import LedgerWatch
from demo.player import Player
from demo.traffic import Traffic, make_traffic
from demo.worker_process import WorkerProcess, command_line
from demo.world import World
from tests.end_to_end.conditions import wait_for_answers
from tests.kafka_cluster.cluster import KafkaCluster
from tests.kafka_cluster.libraries import require_java_and_maven

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]

SEED = 21
EVENTS = 6_000
EVENTS_PER_SECOND = 150
KILL_EVERY_EVENTS = 1_500
ANSWER_TIMEOUT_SECONDS = 180
SETTINGS = {
    "SAVING_ALERTS_TOPIC_PARTITIONS": "12",
    "SAVING_ALERTS_TOPIC_REPLICATION_FACTOR": "1",
    "SAVING_ALERTS_SESSION_TIMEOUT_SECONDS": "6",
    "SAVING_ALERTS_GROUP_HEARTBEAT_SECONDS": "1.5",
    "SAVING_ALERTS_CLAIM_LEASE_SECONDS": "8",
}


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What is left when the dust has settled."""

    world: World
    traffic: Traffic
    unanswered: list[int]
    audit_exit_code: int


@dataclass(slots=True)
class Killer:
    """Kills a worker whenever enough events were written, and starts it again at once, as a supervisor would."""

    workers: list[WorkerProcess]
    written: int = 0
    kills: int = 0

    def advance(self, more: int) -> None:
        self.written += more
        if self.written % KILL_EVERY_EVENTS == 0:
            victim = self.workers[self.kills % len(self.workers)]
            victim.kill()
            victim.start()
            self.kills += 1


@pytest.fixture(scope="module")
def aftermath() -> Iterator[Aftermath]:
    require_java_and_maven()
    with KafkaCluster(brokers=1) as cluster, World(cluster.bootstrap_servers, SETTINGS) as world:
        created = command_line(["topics", "create"], world.environment)
        assert created.returncode == 0, created.stderr
        world.publish_reference_data()
        workers = [world.start_worker() for _ in range(3)]
        for worker in workers:
            worker.wait_until_ready()
        yield play(world, workers, make_traffic(SEED, EVENTS))


def play(world: World, workers: list[WorkerProcess], traffic: Traffic) -> Aftermath:
    world.teach_apis(traffic)
    killer = Killer(workers)
    with LedgerWatch(world.bootstrap_servers, world.topics.decisions.name) as watch:
        player = Player(world.bootstrap_servers, world.topics.source.name, watch)
        player.play(traffic, EVENTS_PER_SECOND, killer.advance)
        wait_for_answers(watch, EVENTS, ANSWER_TIMEOUT_SECONDS)
        unanswered = [number for number, place in player.places.items() if watch.reason(place) is None]
    assert killer.kills == EVENTS // KILL_EVERY_EVENTS
    return Aftermath(world, traffic, unanswered, command_line(["audit"], world.environment).returncode)


def test_nothing_is_lost(aftermath: Aftermath) -> None:
    assert aftermath.unanswered == []
    assert aftermath.audit_exit_code == 0


def test_no_event_is_pushed_twice(aftermath: Aftermath) -> None:
    accepted = Counter(push.idempotency_key for push in aftermath.world.push_api.accepted)

    assert max(accepted.values()) == 1
    assert aftermath.world.push_api.second_pushes == []


def test_no_user_gets_more_than_the_cap_allows(aftermath: Aftermath) -> None:
    pushes = Counter(accepted.push.user_id for accepted in aftermath.world.push_api.accepted)

    assert max(pushes.values()) == 1


def test_nobody_is_silenced(aftermath: Aftermath) -> None:
    accepted = {push.idempotency_key for push in aftermath.world.push_api.accepted}

    assert aftermath.traffic.expected_pushes - accepted == frozenset()


def test_nothing_is_late(aftermath: Aftermath) -> None:
    assert aftermath.world.push_api.late == []
