"""The Coupon API hangs: query_coupons stays at its limit, the other stages go on, a worker ends in time."""

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from statistics import quantiles

import pytest

from demo.checks.decision_consumer import DecisionConsumer, Position
from demo.stub_apis.faults import Behaviour
from demo.traffic import merchants_jsonl
from demo.traffic.paced_producer import PacedProducer, Record
from demo.workers.worker_process import WorkerProcess, command_line
from demo.world import World
from saving_alerts.domain.decisions import Stage
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.worker.shutdown import CLOSING_SECONDS
from tests.end_to_end.conditions import in_flight, wait_until
from tests.end_to_end.shoppers import (
    PREPARED_OFFSET,
    app_opened,
    good_coupons,
    long_freshness_rules,
    prepared_alert,
    visit,
)
from tests.kafka_cluster.cluster import KafkaCluster
from tests.kafka_cluster.libraries import require_java_and_maven

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(400)]

PARTITIONS = 4
MAX_IN_FLIGHT = 200
BREAKER_FAILURES = 10
DRAIN_SECONDS = 5
EXIT_SECONDS = DRAIN_SECONDS + CLOSING_SECONDS
SESSION_TIMEOUT_SECONDS = 6
REBALANCE_SECONDS = DRAIN_SECONDS + SESSION_TIMEOUT_SECONDS
TRIGGERS = 2_000
TRIGGERS_PER_SECOND = 500
# As many again may come on top of a limit: they were on their way (docs/adr/0011-a-poll-is-half-a-window.md).
OVERSHOOT = 2
ALERTS = 1_000
ALERTS_PER_SECOND = 100
NON_TRIGGERS = 100
AT_ONCE = 1_000_000
P99_LIMIT_SECONDS = 1.0
REACTION_SECONDS = 60
RECOVERY_SECONDS = 120
SETTINGS = {
    "SAVING_ALERTS_TOPIC_PARTITIONS": str(PARTITIONS),
    "SAVING_ALERTS_TOPIC_REPLICATION_FACTOR": "1",
    "SAVING_ALERTS_WINDOW_MAX_RECORDS": str(MAX_IN_FLIGHT),
    "SAVING_ALERTS_BREAKER_FAILURES": str(BREAKER_FAILURES),
    "SAVING_ALERTS_DRAIN_SECONDS": str(DRAIN_SECONDS),
    "SAVING_ALERTS_SESSION_TIMEOUT_SECONDS": str(SESSION_TIMEOUT_SECONDS),
}
A_MOMENT = pytest.param(0, id="for a moment")
FIVE_MINUTES = pytest.param(300, id="for five minutes", marks=[pytest.mark.long, pytest.mark.timeout(900)])


@dataclass(slots=True)
class Observations:
    """What was seen during the run, in this order."""

    in_flight: list[int] = field(default_factory=list)
    alerts: int = 0
    push_seconds: list[float] = field(default_factory=list)
    non_triggers: set[Reason | None] = field(default_factory=set)
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
        world.s3.put("rules.json", long_freshness_rules())
        world.s3.put("merchants.jsonl", merchants_jsonl())
        world.coupon_api.coupons = good_coupons
        yield world


@pytest.fixture(scope="module")
def observed(world: World, hang_seconds: float) -> Observations:
    worker = world.start_worker()
    worker.wait_until_ready()
    observed = Observations()
    with DecisionConsumer(world.bootstrap_servers, world.topics.decisions.name) as decisions:
        source = PacedProducer(world.bootstrap_servers, world.topics.source.name)
        hang(world, worker, source, observed)
        began = time.monotonic()
        while not observed.alerts or time.monotonic() - began < hang_seconds:
            dispatch_while_hanging(world, observed)
        validate_while_hanging(source, decisions, observed)
        observed.in_flight.append(in_flight(worker, Stage.QUERY_COUPONS))
        another = add_worker(world, worker, observed)
        stop([worker, another], observed)
        recover(world, source, decisions, observed)
    return observed


def hang(world: World, worker: WorkerProcess, source: PacedProducer, observed: Observations) -> None:
    """The Coupon API stops answering, and more triggers are produced than a worker may have in flight."""
    world.coupon_api.behave(Behaviour(fault="hang"))
    source.write((visit(f"trigger-{index}", f"u-trigger-{index}") for index in range(TRIGGERS)), TRIGGERS_PER_SECOND)
    limit = PARTITIONS * MAX_IN_FLIGHT
    wait_until(
        lambda: in_flight(worker, Stage.QUERY_COUPONS) >= limit, REACTION_SECONDS, "query_coupons is at its limit"
    )
    observed.in_flight.append(in_flight(worker, Stage.QUERY_COUPONS))


def dispatch_while_hanging(world: World, observed: Observations) -> None:
    """Dispatch alerts that needed no coupons any more when the Coupon API began to hang."""
    written: dict[str, datetime] = {}
    alerts = PacedProducer(world.bootstrap_servers, world.topics.alerts.name)
    alerts.write(prepared_alerts(world, observed.alerts, written), ALERTS_PER_SECOND)
    observed.alerts += ALERTS
    world.push_api.wait_until(lambda: len(world.push_api.accepted) >= observed.alerts, REACTION_SECONDS)
    accepted = {push.push.trace.event_id: push.accepted_at for push in world.push_api.accepted}
    observed.push_seconds += [(accepted[name] - written[name]).total_seconds() for name in written]


def validate_while_hanging(source: PacedProducer, decisions: DecisionConsumer, observed: Observations) -> None:
    """Produce events that need no coupons."""
    names = [f"non-trigger-{number}" for number in range(NON_TRIGGERS)]
    source.write((app_opened(name, f"u-{name}") for name in names), AT_ONCE)
    observed.non_triggers = {answer_of(decisions, source.positions[name]) for name in names}


def answer_of(decisions: DecisionConsumer, position: Position) -> Reason | None:
    decisions.wait_for(position, REACTION_SECONDS)
    return decisions.reason(position)


def add_worker(world: World, worker: WorkerProcess, observed: Observations) -> WorkerProcess:
    """Start another worker. The rebalance begins when the first is not ready, and ends when both have partitions."""
    another = world.start_worker()
    wait_until(lambda: not worker.is_ready(), REACTION_SECONDS, "the group rebalances")
    began = time.monotonic()
    wait_until(lambda: has_partitions(worker) and has_partitions(another), REACTION_SECONDS, "both have partitions")
    observed.rebalance_seconds = time.monotonic() - began
    limit = PARTITIONS * MAX_IN_FLIGHT
    wait_until(
        lambda: in_flight(worker, Stage.QUERY_COUPONS) + in_flight(another, Stage.QUERY_COUPONS) >= limit,
        REACTION_SECONDS,
        "both are at their limits",
    )
    return another


def has_partitions(worker: WorkerProcess) -> bool:
    """Whether it is ready, and some but not all partitions are assigned to it."""
    lag = worker.json("/stats.json").get("lag", [])
    return worker.is_ready() and 0 < len({each["partition"] for each in lag}) < PARTITIONS


def stop(workers: list[WorkerProcess], observed: Observations) -> None:
    for worker in workers:
        began = time.monotonic()
        observed.exit_codes.append(worker.stop())
        observed.exit_seconds.append(time.monotonic() - began)


def recover(world: World, source: PacedProducer, decisions: DecisionConsumer, observed: Observations) -> None:
    """The Coupon API answers again, and another worker takes over."""
    world.coupon_api.recover()
    world.start_worker().wait_until_ready()
    decisions.wait_for_answers(TRIGGERS + NON_TRIGGERS + observed.alerts, RECOVERY_SECONDS)
    reasons = [decisions.reason(source.positions[f"trigger-{number}"]) for number in range(TRIGGERS)]
    observed.triggers, observed.pushed_triggers = set(reasons), reasons.count(Reason.PUSHED)
    observed.pushes, observed.second_pushes = len(world.push_api.accepted), len(world.push_api.second_pushes)
    observed.audit = command_line(["audit"], world.environment)


def prepared_alerts(world: World, first: int, written: dict[str, datetime]) -> Iterator[Record]:
    """Alerts of as many users; `written` gets the moment of each."""
    for index in range(first, first + ALERTS):
        name = f"prepared-{index}"
        position = SourcePosition(world.topics.source.name, index % PARTITIONS, PREPARED_OFFSET + index)
        yield prepared_alert(name, position, partial(written.__setitem__, name))


def test_the_stage_stays_at_its_limit(observed: Observations) -> None:
    limit = PARTITIONS * MAX_IN_FLIGHT

    assert all(limit <= taken <= OVERSHOOT * limit < TRIGGERS for taken in observed.in_flight)
    assert len(observed.in_flight) == 2


def test_alerts_made_before_are_pushed_within_a_second_meanwhile(observed: Observations) -> None:
    assert len(observed.push_seconds) == observed.alerts
    assert quantiles(observed.push_seconds, n=100)[-1] < P99_LIMIT_SECONDS


def test_events_that_need_no_coupon_are_answered_meanwhile(observed: Observations) -> None:
    assert observed.non_triggers == {Reason.NOT_A_TRIGGER}


def test_a_rebalance_is_done_within_the_drain_limit_and_a_session(observed: Observations) -> None:
    assert 0 < observed.rebalance_seconds < REBALANCE_SECONDS


def test_workers_that_are_told_to_stop_end_within_the_drain_limit(observed: Observations) -> None:
    assert observed.exit_codes == [0, 0]
    assert max(observed.exit_seconds) < EXIT_SECONDS


def test_the_next_worker_decides_all_that_was_held(observed: Observations) -> None:
    assert observed.triggers == {Reason.PUSHED}
    assert observed.pushed_triggers == TRIGGERS


def test_every_push_was_sent_once(observed: Observations) -> None:
    assert observed.pushes == observed.alerts + observed.pushed_triggers
    assert observed.second_pushes == 0


def test_the_audit_finds_nothing_missing(observed: Observations) -> None:
    assert observed.audit is not None
    assert f"{TRIGGERS + NON_TRIGGERS:,} source offsets: {TRIGGERS + NON_TRIGGERS:,} answered" in observed.audit.stdout
    assert observed.audit.returncode == 0, observed.audit.stdout + observed.audit.stderr
