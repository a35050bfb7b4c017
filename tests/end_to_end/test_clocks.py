"""Whatever time upstream writes: nothing is held longer than it is worth, and a wrong clock of ours decides nothing."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from demo.checks.decision_consumer import DecisionConsumer, Position
from demo.checks.group_offsets import GroupOffsets
from demo.stub_apis.faults import Behaviour
from demo.traffic.paced_producer import PacedProducer, Record
from demo.traffic.templates import instant
from demo.workers.worker_process import WorkerProcess
from demo.world import World
from saving_alerts.domain.clock_check import MIN_EVENTS
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.codecs import Envelope, encode
from tests.end_to_end.conditions import wait_until
from tests.end_to_end.shoppers import (
    FRESHNESS,
    PREPARED_OFFSET,
    alert_of,
    app_opened,
    good_coupons,
    long_freshness_rules,
    visit,
)

pytestmark = pytest.mark.timeout(150)

REACTION_SECONDS = 40
PARTITIONS = 4
BRIEF_MINUTES = 0.1
DAYS = timedelta(days=5)
AT_ONCE = 1_000_000
CROWD = 2 * MIN_EVENTS


def brief_rules() -> bytes:
    """The demo's rules, for events that keep for some seconds."""
    rules = msgspec.json.decode(long_freshness_rules())
    rules["freshness_minutes"] = dict.fromkeys(rules["freshness_minutes"], BRIEF_MINUTES)
    return msgspec.json.encode(rules)


@pytest.fixture
def world() -> Iterator[World]:
    with World() as world:
        world.publish_reference_data()
        world.s3.put("rules.json", long_freshness_rules())
        world.coupon_api.coupons = good_coupons
        yield world


@pytest.fixture
def decisions(world: World) -> Iterator[DecisionConsumer]:
    with DecisionConsumer(world.bootstrap_servers, world.topics.decisions.name) as decisions:
        yield decisions


def started(world: World) -> WorkerProcess:
    worker = world.start_worker()
    worker.wait_until_ready()
    return worker


def dated_ahead(record: Record, ahead: timedelta) -> Record:
    """The same event, from a tracking API and a phone whose clocks are ahead."""

    def value() -> bytes:
        times = dict.fromkeys(("occurred_at", "received_at"), instant(datetime.now(UTC) + ahead))
        return msgspec.json.encode(msgspec.json.decode(record.value()) | times)

    return Record(record.name, record.key, value, record.headers)


def has_reason(decisions: DecisionConsumer, place: Position, reason: Reason) -> None:
    wait_until(lambda: decisions.reason(place) is reason, REACTION_SECONDS, f"{place} is {reason}")


def test_an_event_that_is_dated_ahead_is_invalid_and_one_that_is_not_is_pushed(
    world: World, decisions: DecisionConsumer
) -> None:
    started(world)
    source = PacedProducer(world.bootstrap_servers, world.topics.source.name)

    source.write([dated_ahead(visit("ahead", "u-ahead"), DAYS), visit("on-time", "u-on-time")], AT_ONCE)

    has_reason(decisions, source.positions["ahead"], Reason.INVALID)
    (decision,) = decisions.at(source.positions["ahead"])
    assert decision.details["path"] == "$.received_at"
    has_reason(decisions, source.positions["on-time"], Reason.PUSHED)
    (push,) = world.push_api.accepted
    assert push.push.ttl_seconds <= FRESHNESS.total_seconds()


def test_an_alert_with_a_deadline_days_ahead_is_held_for_one_freshness(
    world: World, decisions: DecisionConsumer
) -> None:
    """As a release without these checks has left it, with a push API that never says yes."""
    world.s3.put("rules.json", brief_rules())
    world.push_api.behave(*[Behaviour(fault="status", status=429)] * 1_000, user_id="u-head")
    position = SourcePosition(world.topics.source.name, 0, PREPARED_OFFSET)
    far = msgspec.structs.replace(
        alert_of("head", position, datetime.now(UTC)), deadline=datetime.now(UTC) + DAYS, read_at=datetime.now(UTC)
    )
    headers = Envelope(far.position, far.event_id, far.deadline).headers()
    alerts = PacedProducer(world.bootstrap_servers, world.topics.alerts.name)
    alerts.write([Record("head", b"u-head", lambda: encode(far), headers)], AT_ONCE)

    started(world)

    has_reason(decisions, (0, PREPARED_OFFSET), Reason.EXPIRED)
    group = GroupOffsets(world.bootstrap_servers, "saving-alerts", [world.topics.alerts.name], PARTITIONS)
    wait_until(group.is_caught_up, REACTION_SECONDS, "the partition is committed behind it")


def test_when_most_events_are_dated_ahead_none_is_decided_and_health_says_clock(
    world: World, decisions: DecisionConsumer
) -> None:
    worker = started(world)
    source = PacedProducer(world.bootstrap_servers, world.topics.source.name)
    names = [f"ahead-{number}" for number in range(CROWD)]

    source.write([dated_ahead(app_opened(name, "u-1"), DAYS) for name in names], AT_ONCE)

    told = f"{CROWD} of the last {CROWD} events are dated more than 120 s ahead"
    wait_until(lambda: told in (clock_says(worker) or ""), REACTION_SECONDS, f"health says that {told}")
    assert not worker.is_ready()
    assert worker.stop() == 0
    decisions.wait_until_read(REACTION_SECONDS)
    # Until so many have been read they cannot be told from single events that are wrong.
    held = [name for name in names if not decisions.reason(source.positions[name])]
    assert len(names) - len(held) < MIN_EVENTS
    world.start_worker({"SAVING_ALERTS_MAX_AHEAD_SECONDS": "600000"}).wait_until_ready()
    for name in held:
        has_reason(decisions, source.positions[name], Reason.NOT_A_TRIGGER)


def clock_says(worker: WorkerProcess) -> str | None:
    """None while it is all right."""
    conditions = worker.health().get("conditions", ())
    return next((each["detail"] for each in conditions if each["name"] == "clock" and not each["ok"]), None)
