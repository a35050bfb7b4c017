"""One stage held at its limit: the others go on, the worker still ends in time, and nothing is lost."""

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from statistics import quantiles

import msgspec
import pytest

from demo.behaviour import Behaviour
from demo.ledger_watch import LedgerWatch, Place
from demo.traffic import merchants_jsonl, rules_json
from demo.traffic.coupons import good_coupon
from demo.traffic.directory import MERCHANTS
from demo.traffic.templates import Template
from demo.worker_process import WorkerProcess, command_line
from demo.world import World
from saving_alerts.codecs import Envelope, encode
from saving_alerts.domain.alerts import Alert
from saving_alerts.domain.decisions import Reason, Stage
from saving_alerts.domain.events import EventType
from saving_alerts.domain.positions import SourcePosition
from tests.end_to_end.conditions import wait_for_answers, wait_until
from tests.end_to_end.feed import Feed, Record
from tests.kafka_cluster.cluster import KafkaCluster
from tests.kafka_cluster.libraries import require_java_and_maven

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(400)]

PARTITIONS = 4
WINDOW_MAX_RECORDS = 200
BREAKER_FAILURES = 10
DRAIN_SECONDS = 5
EXIT_SECONDS = DRAIN_SECONDS + 3
FRESHNESS = timedelta(minutes=30)
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
# Behind the end of the source: the prepared alerts stand for no event of this test.
PREPARED_OFFSET = 1_000_000
SETTINGS = {
    "SAVING_ALERTS_TOPIC_PARTITIONS": str(PARTITIONS),
    "SAVING_ALERTS_TOPIC_REPLICATION_FACTOR": "1",
    "SAVING_ALERTS_WINDOW_MAX_RECORDS": str(WINDOW_MAX_RECORDS),
    "SAVING_ALERTS_BREAKER_FAILURES": str(BREAKER_FAILURES),
    "SAVING_ALERTS_DRAIN_SECONDS": str(DRAIN_SECONDS),
}


@dataclass(slots=True)
class Story:
    """What was seen, in the order it happened."""

    in_flight: list[int] = field(default_factory=list)
    push_seconds: list[float] = field(default_factory=list)
    bystanders: set[Reason | None] = field(default_factory=set)
    exit_code: int | None = None
    exit_seconds: float = 0.0
    triggers: set[Reason | None] = field(default_factory=set)
    pushed_triggers: int = 0
    pushes: int = 0
    second_pushes: int = 0
    audit: subprocess.CompletedProcess[str] | None = None


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    require_java_and_maven()
    with KafkaCluster(brokers=1) as cluster, World(cluster.bootstrap_servers, SETTINGS) as world:
        assert command_line(["topics", "create"], world.environment).returncode == 0
        world.s3.put("rules.json", patient_rules())
        world.s3.put("merchants.jsonl", merchants_jsonl())
        world.coupon_api.coupons = lambda user_id, _: [good_coupon(Random(user_id), MERCHANTS[0])]
        yield world


@pytest.fixture(scope="module")
def story(world: World) -> Story:
    worker = world.start_worker()
    worker.wait_until_ready()
    told = Story()
    with LedgerWatch(world.bootstrap_servers, world.topics.decisions.name) as watch:
        source = Feed(world.bootstrap_servers, world.topics.source.name)
        hang(world, worker, source, told)
        push_meanwhile(world, source, watch, told)
        told.in_flight.append(asking(worker))
        stop(worker, told)
        recover(world, source, watch, told)
    return told


def patient_rules() -> bytes:
    """The demo's rules, for events that keep for half an hour."""
    rules = msgspec.json.decode(rules_json())
    minutes = FRESHNESS // timedelta(minutes=1)
    rules["freshness_minutes"] = dict.fromkeys(rules["freshness_minutes"], minutes)
    return msgspec.json.encode(rules)


def hang(world: World, worker: WorkerProcess, source: Feed, told: Story) -> None:
    """The Coupon API does not answer any more, and more shoppers come than may wait for it."""
    world.coupon_api.behave(Behaviour(fault="hang"))
    source.write(shoppers("trigger", TRIGGERS, EventType.GEOFENCE_ENTERED), TRIGGERS_PER_SECOND)
    limit = PARTITIONS * WINDOW_MAX_RECORDS
    wait_until(lambda: asking(worker) >= limit - BREAKER_FAILURES, REACTION_SECONDS, "query_coupons is at its limit")
    told.in_flight.append(asking(worker))


def push_meanwhile(world: World, source: Feed, watch: LedgerWatch, told: Story) -> None:
    """Alerts that were made before the hang, and events that need no coupons."""
    written: dict[str, datetime] = {}
    alerts = Feed(world.bootstrap_servers, world.topics.alerts.name)
    alerts.write(prepared_alerts(world, written), ALERTS_PER_SECOND)
    source.write(shoppers("bystander", BYSTANDERS, EventType.APP_OPENED), AT_ONCE)
    world.push_api.wait_until(lambda: len(world.push_api.accepted) >= ALERTS, REACTION_SECONDS)
    bystanders = [source.places[f"bystander-{number}"] for number in range(BYSTANDERS)]
    told.bystanders = {answer_of(watch, place) for place in bystanders}
    accepted = {push.push.trace.event_id: push.accepted_at for push in world.push_api.accepted}
    told.push_seconds = [(accepted[name] - written[name]).total_seconds() for name in written]


def answer_of(watch: LedgerWatch, place: Place) -> Reason | None:
    watch.wait_for(place, REACTION_SECONDS)
    return watch.reason(place)


def stop(worker: WorkerProcess, told: Story) -> None:
    began = time.monotonic()
    told.exit_code = worker.stop()
    told.exit_seconds = time.monotonic() - began


def recover(world: World, source: Feed, watch: LedgerWatch, told: Story) -> None:
    """The Coupon API is well again, and another worker takes over."""
    world.coupon_api.recover()
    world.start_worker().wait_until_ready()
    wait_for_answers(watch, TRIGGERS + BYSTANDERS + ALERTS, RECOVERY_SECONDS)
    reasons = [watch.reason(source.places[f"trigger-{number}"]) for number in range(TRIGGERS)]
    told.triggers, told.pushed_triggers = set(reasons), reasons.count(Reason.PUSHED)
    told.pushes, told.second_pushes = len(world.push_api.accepted), len(world.push_api.second_pushes)
    told.audit = command_line(["audit"], world.environment)


def shoppers(name: str, number: int, kind: EventType) -> Iterator[Record]:
    """Events of as many users, each happening when it is written."""
    for index in range(number):
        template = Template(f"{name}-{index}", f"u-{name}-{index}", kind, MERCHANTS[0].merchant_id, details=index)
        yield Record(template.event_id, template.user_id.encode(), written_now(template))


def written_now(template: Template) -> Callable[[], bytes]:
    return lambda: template.value(datetime.now(UTC))


def prepared_alerts(world: World, written: dict[str, datetime]) -> Iterator[Record]:
    """Alerts of as many users; `written` gets the moment of each."""
    for index in range(ALERTS):
        alert = prepared_alert(SourcePosition(world.topics.source.name, index % PARTITIONS, PREPARED_OFFSET + index))
        headers = Envelope(alert.position, alert.event_id, alert.deadline).headers()
        yield Record(alert.event_id, alert.user_id.encode(), timed(alert, written), headers)


def timed(alert: Alert, written: dict[str, datetime]) -> Callable[[], bytes]:
    def value() -> bytes:
        written[alert.event_id] = datetime.now(UTC)
        return encode(alert)

    return value


def prepared_alert(position: SourcePosition) -> Alert:
    now = datetime.now(UTC)
    return Alert(
        position=position,
        event_id=f"prepared-{position.offset}",
        user_id=f"u-prepared-{position.offset}",
        merchant_id=MERCHANTS[0].merchant_id,
        event_type=EventType.GEOFENCE_ENTERED,
        occurred_at=now,
        received_at=now,
        read_at=now,
        deadline=now + FRESHNESS,
        locale="en-GB",
        coupon_id="c-1",
        title="20 % off",
        body="You are right there.",
        deep_link=f"https://{MERCHANTS[1].deep_link_hosts[0]}/coupons/c-1",
        rule_id="at-the-store",
        rules_version="prepared",
        merchants_version="prepared",
    )


def asking(worker: WorkerProcess) -> int:
    """Events that the worker has taken into query_coupons and not finished."""
    stages = worker.json("/stats.json").get("stages", [])
    return next((int(stage["in_flight"]) for stage in stages if stage["stage"] == Stage.QUERY_COUPONS), 0)


def test_the_stage_stays_at_its_limit(story: Story) -> None:
    limit = PARTITIONS * WINDOW_MAX_RECORDS

    assert all(limit - BREAKER_FAILURES <= taken <= OVERSHOOT * limit < TRIGGERS for taken in story.in_flight)
    assert len(story.in_flight) == 2


def test_alerts_made_before_are_pushed_within_a_second_meanwhile(story: Story) -> None:
    assert len(story.push_seconds) == ALERTS
    assert quantiles(story.push_seconds, n=100)[-1] < P99_LIMIT_SECONDS


def test_events_that_need_no_coupon_are_answered_meanwhile(story: Story) -> None:
    assert story.bystanders == {Reason.NOT_A_TRIGGER}


def test_a_worker_that_is_told_to_stop_ends_within_the_drain_limit(story: Story) -> None:
    assert story.exit_code == 0
    assert story.exit_seconds < EXIT_SECONDS


def test_the_next_worker_decides_all_that_was_held(story: Story) -> None:
    # The few requests that failed before the breaker opened are decided by that.
    assert story.triggers in ({Reason.PUSHED}, {Reason.PUSHED, Reason.COUPON_API_FAILED})
    assert story.pushed_triggers >= TRIGGERS - BREAKER_FAILURES


def test_every_push_was_sent_once(story: Story) -> None:
    assert story.pushes == ALERTS + story.pushed_triggers
    assert story.second_pushes == 0


def test_the_audit_finds_nothing_missing(story: Story) -> None:
    assert story.audit is not None
    assert f"{TRIGGERS + BYSTANDERS:,} source offsets: {TRIGGERS + BYSTANDERS:,} answered" in story.audit.stdout
    assert story.audit.returncode == 0, story.audit.stdout + story.audit.stderr
