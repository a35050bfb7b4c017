"""What makes a worker ready, what is only shown, and that a person can read why."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from saving_alerts.delivery.held_back import HeldBack
from saving_alerts.dependencies import COUPON_API, PUSH_API, REDIS, Dependencies, DependencyState, LastFailure, State
from saving_alerts.domain.clock_check import ClockJudgement
from saving_alerts.domain.decisions import Stage
from saving_alerts.domain.kill_switches import KillScope, KillSwitch
from saving_alerts.ports.consent import ConsentReport
from saving_alerts.reference_data.snapshot import Freshness
from saving_alerts.supervision.health import (
    Condition,
    all_required_hold,
    api,
    clock,
    consent,
    drain,
    fresh,
    group,
    held_back,
    kafka_access,
    kill_switches,
    known,
    loaded,
    pushes,
    redis,
    topics,
    workers,
)
from tests.support.worker_rows import a_row

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
STALE_SECONDS = 600


SWITCH = KillSwitch(scope=KillScope.ALL, reason="wrong prices", by="ines", since=NOW)


def down(name: str, why: str) -> DependencyState:
    state = DependencyState(name, lambda: NOW)
    state.failed(why)
    state.ill()
    return state


def confirmed(seconds_ago: float, refusal: str | None = None) -> Freshness:
    return Freshness(version="v1", confirmed_at=NOW - timedelta(seconds=seconds_ago), refusal=refusal)


def test_a_worker_without_its_first_rules_waits_and_says_what_s3_answered() -> None:
    condition = loaded("rules", Freshness(refusal="rules.json: there is no such object"))

    assert condition == Condition(
        "rules", ok=False, detail="waiting for the first rules: rules.json: there is no such object"
    )


def test_a_loaded_document_names_its_version() -> None:
    assert loaded("merchants", confirmed(0)) == Condition("merchants", ok=True, detail="version v1")


def test_a_loaded_document_says_what_was_left_out_of_it() -> None:
    known = Freshness(version="v1", confirmed_at=NOW, remark="1 line was left out: line 2: longer than 65536 bytes")

    assert loaded("merchants", known).detail == ("version v1; 1 line was left out: line 2: longer than 65536 bytes")
    assert loaded("merchants", known).ok


@pytest.mark.parametrize(
    ("seconds_ago", "ok"),
    [
        pytest.param(0, True, id="just confirmed"),
        pytest.param(STALE_SECONDS, True, id="at the limit"),
        pytest.param(STALE_SECONDS + 1, False, id="over the limit"),
    ],
)
def test_a_document_is_stale_after_the_limit(seconds_ago: float, *, ok: bool) -> None:
    assert fresh("rules", confirmed(seconds_ago), NOW, STALE_SECONDS).ok is ok


def test_a_stale_document_makes_the_worker_not_ready() -> None:
    assert not all_required_hold([fresh("rules", confirmed(STALE_SECONDS + 1), NOW, STALE_SECONDS)])


def test_a_document_that_was_never_confirmed_is_not_fresh() -> None:
    assert fresh("rules", Freshness(), NOW, STALE_SECONDS).detail == "never confirmed"


def test_a_refused_file_is_named_while_the_last_good_one_is_fresh() -> None:
    condition = fresh("rules", confirmed(5, refusal="caps[0].pushes: must be at least 1"), NOW, STALE_SECONDS)

    assert condition.state is State.DEGRADED
    assert all_required_hold([condition])
    assert "caps[0].pushes: must be at least 1" in condition.detail


@pytest.mark.parametrize(
    ("joined", "rebalancing", "ok"),
    [
        pytest.param(False, False, False, id="never joined"),
        pytest.param(True, True, False, id="rebalancing"),
        pytest.param(True, False, True, id="settled"),
    ],
)
def test_only_a_settled_member_of_the_group_is_ready(*, joined: bool, rebalancing: bool, ok: bool) -> None:
    condition = group(joined=joined, rebalancing=rebalancing, partitions=3)

    assert all_required_hold([condition]) is ok


def test_a_draining_worker_is_not_ready() -> None:
    assert not all_required_hold([drain(draining=True)])


@pytest.mark.parametrize(
    "condition",
    [
        pytest.param(redis(down(REDIS, "Redis cannot be reached")), id="redis"),
        pytest.param(api(down(COUPON_API, "HTTP 500")), id="coupon_api"),
        pytest.param(api(down(PUSH_API, "HTTP 500")), id="push_api"),
    ],
)
def test_what_is_down_for_all_workers_is_shown_and_turns_none_away(condition: Condition) -> None:
    assert condition.state is State.DEGRADED
    assert all_required_hold([condition])


def test_redis_is_not_called_well_before_it_was_asked() -> None:
    assert redis(DependencyState(REDIS, lambda: NOW)).detail == "not asked yet"


def test_what_somebody_wants_is_no_fault() -> None:
    for condition in (pushes(dry_run=True), kill_switches(1, [SWITCH], None)):
        assert (condition.state, condition.ok) == (State.OFF, True)
    assert kill_switches(1, [SWITCH], "Kafka is away").state is State.DEGRADED
    assert kill_switches(None, [], None).state is State.NOT_READY


def test_a_condition_says_since_when_how_often_and_why() -> None:
    now = NOW
    dependencies = Dependencies(lambda: now)
    for wrong in (None, "not allowed", None, "login refused"):
        now += timedelta(minutes=1)
        condition = known(kafka_access(wrong), dependencies, held=7)

    assert (condition.since, condition.times, condition.held) == (now, 2, 7)
    assert condition.error == LastFailure("login refused", now)


def test_what_kafka_refuses_is_shown_and_makes_no_worker_unready() -> None:
    refused = kafka_access("it refuses our login")

    assert (refused.ok, refused.detail, all_required_hold([refused])) == (False, "it refuses our login", True)
    assert kafka_access(None).ok


def test_what_a_look_found_to_be_older_is_since_then() -> None:
    began, now = NOW - timedelta(seconds=20), NOW - timedelta(minutes=1)
    dependencies = Dependencies(lambda: now)
    known(kafka_access(None), dependencies)
    now = NOW

    condition = known(kafka_access("no broker can be reached", began), dependencies)

    assert condition.since == began
    assert [str(each) for each in dependencies.held(Stage.VALIDATE, round(began.timestamp() * 1000))] == [
        "held 20 s by Kafka: no broker can be reached"
    ]


def test_an_outage_does_not_begin_before_the_last_one_ended() -> None:
    now, dependencies = NOW, Dependencies(lambda: now)
    for problem in ("gone", None, "gone"):
        condition = known(kafka_access(problem, NOW - timedelta(seconds=20)), dependencies)
        now += timedelta(seconds=10)

    assert condition.since == NOW + timedelta(seconds=10)
    (held,) = dependencies.held(Stage.VALIDATE, round((NOW - timedelta(seconds=20)).timestamp() * 1000))
    assert held.seconds == 20 + 10 + 20


def test_a_worker_that_died_held_the_events_of_its_partitions_until_somebody_had_them() -> None:
    now, dependencies = NOW, Dependencies(lambda: now)
    dead = msgspec.structs.replace(a_row(0, {}), name="worker-2", beaten_at=NOW - timedelta(seconds=8))

    condition = known(workers([dead]), dependencies)
    now += timedelta(seconds=5)

    assert (condition.state, condition.since) == (State.DEGRADED, dead.beaten_at)
    assert all_required_hold([condition])
    (held,) = dependencies.held(Stage.VALIDATE, round(dead.beaten_at.timestamp() * 1000))
    assert str(held).startswith("held 13 s by the takeover of partitions: no answer from worker-2; not all")
    assert dependencies.holding(Stage.VALIDATE) == []  # what the living have in work does not wait for it


def test_a_record_that_holds_its_partition_back_for_long_is_named_and_leaves_the_worker_ready() -> None:
    began = NOW - timedelta(minutes=2)
    held = HeldBack("query_coupons", "validated", 3, 1207, began, 24_100, "the Coupon API", is_stopped=False)

    condition = held_back([held, replace(held, partition=4), replace(held, partition=5)])

    assert condition.detail == (
        "validated 3 at offset 1207, which waits for the Coupon API; 24,100 records are not committed; "
        "and 2 more partitions"
    )
    assert (condition.state, condition.since) == (State.DEGRADED, began)
    assert all_required_hold([condition])
    assert held_back([]).ok


@pytest.mark.parametrize(
    ("judgement", "ok", "ready"),
    [
        pytest.param(None, True, True, id="not compared yet"),
        pytest.param(ClockJudgement(trusted=True, agrees=True, text="agrees"), True, True, id="agrees"),
        pytest.param(ClockJudgement(trusted=True, agrees=False, text="3 s"), False, True, id="a little off"),
        pytest.param(ClockJudgement(trusted=False, agrees=False, text="3600 s"), False, False, id="wrong"),
    ],
)
def test_a_worker_whose_clock_is_wrong_is_not_ready(judgement: ClockJudgement | None, *, ok: bool, ready: bool) -> None:
    condition = clock(judgement)

    assert (condition.name, condition.ok, all_required_hold([condition])) == ("clock", ok, ready)
    assert condition.detail == (judgement.text if judgement else "not compared yet")


def test_topics_that_differ_are_named_and_stop_no_worker() -> None:
    condition = topics("saving-events has 13; the others have 12 partitions")

    assert (condition.name, condition.ok, all_required_hold([condition])) == ("topics", False, True)
    assert "saving-events has 13" in condition.detail
    assert "saving-alerts topics create" in condition.detail
    assert topics(None).ok


KNOWN = ConsentReport(opt_outs=7, unread=(), unknown=(), waits_for="", problem=None, everyone={}, age_seconds=1.0)


def test_without_a_topic_consent_is_as_the_event_says() -> None:
    assert consent(None) == Condition("consent", ok=True, detail="as the event says", required=False)


def test_a_worker_that_knows_its_opt_outs_says_how_many() -> None:
    condition = consent(KNOWN)

    assert condition.ok
    assert condition.detail == "7 users of this worker's partitions have opted out"


def test_a_worker_that_has_not_read_its_opt_outs_is_not_ready_and_says_what_it_waits_for() -> None:
    condition = consent(
        replace(KNOWN, unread=(3,), unknown=(3,), waits_for="saving-alerts.consent is read: partition 3")
    )

    assert not all_required_hold([condition])
    assert condition.detail == (
        "not known in the partitions 3, whose events wait: waits until saving-alerts.consent is read: partition 3"
    )


def test_a_worker_that_does_not_know_them_any_more_is_ready_and_says_why() -> None:
    """It is so for all workers, and a restart helps nobody."""
    condition = consent(replace(KNOWN, unknown=tuple(range(25)), problem="Kafka does not answer"))

    assert all_required_hold([condition])
    assert not condition.ok
    assert condition.detail.startswith("Kafka does not answer; not known in the partitions 0, 1, 2, ")
    assert "19 and 5 more, whose events wait" in condition.detail


def test_everybodys_opt_out_names_its_partitions() -> None:
    condition = consent(replace(KNOWN, everyone={1: "cannot be read", 2: "cannot be read"}))

    assert condition.detail == "in the partitions 1, 2 nobody is pushed: cannot be read"
