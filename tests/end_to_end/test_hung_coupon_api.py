"""One stage held at its limit: the others go on, the worker still ends in time, and nothing is lost."""

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from statistics import quantiles

import pytest

from demo.checks.decision_follower import LedgerWatch, Place
from demo.stub_apis.faults import Behaviour
from demo.traffic import merchants_jsonl
from demo.traffic.feed import Feed, Record
from demo.workers.worker_process import WorkerProcess, command_line
from demo.world import World
from saving_alerts.domain.decisions import Stage
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.source_position import SourcePosition
from tests.end_to_end.conditions import wait_for_answers, wait_until
from tests.end_to_end.shoppers import PREPARED_OFFSET, good_coupons, look_around, patient_rules, prepared_alert, visit
from tests.kafka_cluster.cluster import KafkaCluster
from tests.kafka_cluster.libraries import require_java_and_maven

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(400)]

PARTITIONS = 4
WINDOW_MAX_RECORDS = 200
BREAKER_FAILURES = 10
DRAIN_SECONDS = 5
EXIT_SECONDS = DRAIN_SECONDS + 3
SESSION_TIMEOUT_SECONDS = 6
REBALANCE_SECONDS = DRAIN_SECONDS + SESSION_TIMEOUT_SECONDS
TRIGGERS = 2_000
# A window takes in the rest of the fetch that filled it; at this pace a fetch is small.
TRIGGERS_PER_SECOND = 500
OVERSHOOT = 1.5
ALERTS = 1_000
ALERTS_PER_SECOND = 100
BYSTANDERS = 100
AT_ONCE = 1_000_000
P99_LIMIT_SECONDS = 1.0
REACTION_SECONDS = 60
RECOVERY_SECONDS = 120
SETTINGS = {
    "SAVING_ALERTS_TOPIC_PARTITIONS": str(PARTITIONS),
    "SAVING_ALERTS_TOPIC_REPLICATION_FACTOR": "1",
    "SAVING_ALERTS_WINDOW_MAX_RECORDS": str(WINDOW_MAX_RECORDS),
    "SAVING_ALERTS_BREAKER_FAILURES": str(BREAKER_FAILURES),
    "SAVING_ALERTS_DRAIN_SECONDS": str(DRAIN_SECONDS),
    "SAVING_ALERTS_SESSION_TIMEOUT_SECONDS": str(SESSION_TIMEOUT_SECONDS),
}
A_MOMENT = pytest.param(0, id="for a moment")
FIVE_MINUTES = pytest.param(300, id="for five minutes", marks=[pytest.mark.long, pytest.mark.timeout(900)])


@dataclass(slots=True)
class Story:
    """What was seen, in the order it happened."""

    in_flight: list[int] = field(default_factory=list)
    alerts: int = 0
    push_seconds: list[float] = field(default_factory=list)
    bystanders: set[Reason | None] = field(default_factory=set)
    rebalance_seconds: float = 0.0
    exit_codes: list[int] = field(default_factory=list)
    exit_seconds: list[float] = field(default_factory=list)
    triggers: set[Reason | None] = field(default_factory=set)
    pushed_triggers: int = 0
    pushes: int = 0
    second_pushes: int = 0
    audit: subprocess.CompletedProcess[str] | None = None


@pytest.fixture(scope="module", params=[A_MOMENT, FIVE_MINUTES])
def hang_seconds(request: pytest.FixtureRequest) -> float:
    return float(request.param)


@pytest.fixture(scope="module")
def world(hang_seconds: float) -> Iterator[World]:
    require_java_and_maven()
    with KafkaCluster(brokers=1) as cluster, World(cluster.bootstrap_servers, SETTINGS) as world:
        assert command_line(["topics", "create"], world.environment).returncode == 0
        world.s3.put("rules.json", patient_rules())
        world.s3.put("merchants.jsonl", merchants_jsonl())
        world.coupon_api.coupons = good_coupons
        yield world


@pytest.fixture(scope="module")
def story(world: World, hang_seconds: float) -> Story:
    worker = world.start_worker()
    worker.wait_until_ready()
    told = Story()
    with LedgerWatch(world.bootstrap_servers, world.topics.decisions.name) as watch:
        source = Feed(world.bootstrap_servers, world.topics.source.name)
        hang(world, worker, source, told)
        began = time.monotonic()
        while not told.alerts or time.monotonic() - began < hang_seconds:
            push_meanwhile(world, told)
        look_meanwhile(source, watch, told)
        told.in_flight.append(asking(worker))
        another = join(world, worker, told)
        stop([worker, another], told)
        recover(world, source, watch, told)
    return told


def hang(world: World, worker: WorkerProcess, source: Feed, told: Story) -> None:
    """The Coupon API does not answer any more, and more shoppers come than may wait for it."""
    world.coupon_api.behave(Behaviour(fault="hang"))
    source.write((visit(f"trigger-{index}", f"u-trigger-{index}") for index in range(TRIGGERS)), TRIGGERS_PER_SECOND)
    limit = PARTITIONS * WINDOW_MAX_RECORDS
    wait_until(lambda: asking(worker) >= limit, REACTION_SECONDS, "query_coupons is at its limit")
    told.in_flight.append(asking(worker))


def push_meanwhile(world: World, told: Story) -> None:
    """Alerts that were made before the hang."""
    written: dict[str, datetime] = {}
    alerts = Feed(world.bootstrap_servers, world.topics.alerts.name)
    alerts.write(prepared_alerts(world, told.alerts, written), ALERTS_PER_SECOND)
    told.alerts += ALERTS
    world.push_api.wait_until(lambda: len(world.push_api.accepted) >= told.alerts, REACTION_SECONDS)
    accepted = {push.push.trace.event_id: push.accepted_at for push in world.push_api.accepted}
    told.push_seconds += [(accepted[name] - written[name]).total_seconds() for name in written]


def look_meanwhile(source: Feed, watch: LedgerWatch, told: Story) -> None:
    """Events that need no coupons."""
    names = [f"bystander-{number}" for number in range(BYSTANDERS)]
    source.write((look_around(name, f"u-{name}") for name in names), AT_ONCE)
    told.bystanders = {answer_of(watch, source.places[name]) for name in names}


def answer_of(watch: LedgerWatch, place: Place) -> Reason | None:
    watch.wait_for(place, REACTION_SECONDS)
    return watch.reason(place)


def join(world: World, worker: WorkerProcess, told: Story) -> WorkerProcess:
    """Another worker comes. The rebalance begins when the one at work stops, and is done when both have a part."""
    another = world.start_worker()
    wait_until(lambda: not worker.is_ready(), REACTION_SECONDS, "the group rebalances")
    began = time.monotonic()
    wait_until(lambda: has_partitions(worker) and has_partitions(another), REACTION_SECONDS, "both have partitions")
    told.rebalance_seconds = time.monotonic() - began
    limit = PARTITIONS * WINDOW_MAX_RECORDS
    wait_until(lambda: asking(worker) + asking(another) >= limit, REACTION_SECONDS, "both are at their limits")
    return another


def has_partitions(worker: WorkerProcess) -> bool:
    """Whether it is ready, and has a part of the partitions."""
    lag = worker.json("/stats.json").get("lag", [])
    return worker.is_ready() and 0 < len({each["partition"] for each in lag}) < PARTITIONS


def stop(workers: list[WorkerProcess], told: Story) -> None:
    for worker in workers:
        began = time.monotonic()
        told.exit_codes.append(worker.stop())
        told.exit_seconds.append(time.monotonic() - began)


def recover(world: World, source: Feed, watch: LedgerWatch, told: Story) -> None:
    """The Coupon API is well again, and another worker takes over."""
    world.coupon_api.recover()
    world.start_worker().wait_until_ready()
    wait_for_answers(watch, TRIGGERS + BYSTANDERS + told.alerts, RECOVERY_SECONDS)
    reasons = [watch.reason(source.places[f"trigger-{number}"]) for number in range(TRIGGERS)]
    told.triggers, told.pushed_triggers = set(reasons), reasons.count(Reason.PUSHED)
    told.pushes, told.second_pushes = len(world.push_api.accepted), len(world.push_api.second_pushes)
    told.audit = command_line(["audit"], world.environment)


def prepared_alerts(world: World, first: int, written: dict[str, datetime]) -> Iterator[Record]:
    """Alerts of as many users; `written` gets the moment of each."""
    for index in range(first, first + ALERTS):
        name = f"prepared-{index}"
        position = SourcePosition(world.topics.source.name, index % PARTITIONS, PREPARED_OFFSET + index)
        yield prepared_alert(name, position, partial(written.__setitem__, name))


def asking(worker: WorkerProcess) -> int:
    """Events that the worker has taken into query_coupons and not finished."""
    stages = worker.json("/stats.json").get("stages", [])
    return next((int(stage["in_flight"]) for stage in stages if stage["stage"] == Stage.QUERY_COUPONS), 0)


def test_the_stage_stays_at_its_limit(story: Story) -> None:
    limit = PARTITIONS * WINDOW_MAX_RECORDS

    assert all(limit <= taken <= OVERSHOOT * limit < TRIGGERS for taken in story.in_flight)
    assert len(story.in_flight) == 2


def test_alerts_made_before_are_pushed_within_a_second_meanwhile(story: Story) -> None:
    assert len(story.push_seconds) == story.alerts
    assert quantiles(story.push_seconds, n=100)[-1] < P99_LIMIT_SECONDS


def test_events_that_need_no_coupon_are_answered_meanwhile(story: Story) -> None:
    assert story.bystanders == {Reason.NOT_A_TRIGGER}


def test_a_rebalance_is_done_within_the_drain_limit_and_a_session(story: Story) -> None:
    assert 0 < story.rebalance_seconds < REBALANCE_SECONDS


def test_workers_that_are_told_to_stop_end_within_the_drain_limit(story: Story) -> None:
    assert story.exit_codes == [0, 0]
    assert max(story.exit_seconds) < EXIT_SECONDS


def test_the_next_worker_decides_all_that_was_held(story: Story) -> None:
    assert story.triggers == {Reason.PUSHED}
    assert story.pushed_triggers == TRIGGERS


def test_every_push_was_sent_once(story: Story) -> None:
    assert story.pushes == story.alerts + story.pushed_triggers
    assert story.second_pushes == 0


def test_the_audit_finds_nothing_missing(story: Story) -> None:
    assert story.audit is not None
    assert f"{TRIGGERS + BYSTANDERS:,} source offsets: {TRIGGERS + BYSTANDERS:,} answered" in story.audit.stdout
    assert story.audit.returncode == 0, story.audit.stdout + story.audit.stderr
