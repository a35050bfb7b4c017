"""A replay does what the workers do with the same events, and knows what it cannot know."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from saving_alerts.domain.caps import Cap, CapPer, CountedSend
from saving_alerts.domain.coupons import Candidate
from saving_alerts.domain.decisions import Decision, Receipt, Stage, Versions, decision_id
from saving_alerts.domain.events import EventType
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.pipeline.outcomes import Forward
from saving_alerts.pipeline.push_decisions import decided_by
from saving_alerts.pipeline.steps import evaluate_rules
from saving_alerts.reference_data.snapshot import Snapshot
from saving_alerts.simulation.partition_replay import Users
from saving_alerts.simulation.recorded_decisions import Agreement, RecordedDecisions, Unknown
from saving_alerts.simulation.replay import Replay, Replayed
from saving_alerts.simulation.totals import Totals
from tests.support.fakes.clock import START
from tests.support.sample_events import coupon, event, snapshot, validated, with_control, with_texts_in_turn

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def candidate(
    number: int = 0, user_id: str = "u-1", *, at: datetime = START, percent: float = 20, merchant_id: str = "m-1"
) -> Candidate:
    """One that was made a second after its event."""
    happened = msgspec.structs.replace(
        event(occurred_at=at, user_id=user_id, merchant_id=merchant_id), event_id=f"e-{number}"
    )
    position = SourcePosition("saving-events", 0, number)
    value = msgspec.structs.replace(validated(happened), position=position, read_at=at)
    return Candidate(validated=value, coupons=(coupon(percent),), looked_at=at + timedelta(seconds=1))


def in_memory(_name: str) -> dict[bytes, bytes]:
    """Without a bound, and simple: `disk_tables` must do the same."""
    return {}


class ReplayedPartition:
    """One partition and one rule set."""

    def __init__(self, data: Snapshot | None = None, sends: dict[str, list[CountedSend]] | None = None) -> None:
        self.totals = Totals()
        self.replay = Replay(data or snapshot(), self.totals, lambda user: (sends or {}).get(user, []), in_memory)

    def reasons(self, *candidates: Candidate) -> list[Reason | None]:
        found = [self.replay.take(each).reason for each in candidates]
        assert all(reason is None or reason.row.simulated for reason in found), "the report would leave it out"
        return found


def with_caps(*caps: Cap) -> Snapshot:
    data = snapshot()
    return replace(data, rules=replace(data.rules, caps=caps))


def test_what_the_rules_want_is_a_push() -> None:
    partition = ReplayedPartition()

    replayed = partition.replay.take(candidate())

    assert replayed == Replayed(Reason.PUSHED, rule_id="at-the-store", coupon_id="c-1")
    assert (partition.totals.pushes, partition.totals.rules) == (1, Counter({"at-the-store": 1}))
    assert partition.totals.hours == Counter({"2026-11-23 10": 1})


def test_a_refusal_is_counted_by_rule_and_clause() -> None:
    partition = ReplayedPartition()

    assert partition.reasons(candidate(percent=5)) == [Reason.RULE_REFUSED]
    assert partition.totals.clauses == Counter({("at-the-store", "min_discount_percent"): 1})


def test_a_cap_stops_the_second_push_until_its_window_is_over() -> None:
    partition = ReplayedPartition()

    reasons = partition.reasons(candidate(0), candidate(1, at=START + HOUR), candidate(2, at=START + 24 * HOUR))

    assert reasons == [Reason.PUSHED, Reason.CAPPED, Reason.PUSHED]
    assert partition.totals.caps == Counter({"1 per user in 24 h": 1})
    assert (partition.totals.wanted, partition.replay.pushes("u-1")) == (3, 2)


def test_users_have_caps_of_their_own_and_a_cap_can_be_per_merchant() -> None:
    partition = ReplayedPartition(with_caps(Cap(CapPer.USER_AND_MERCHANT, 1, 24)), {"u-1": [CountedSend("m-2", START)]})

    assert partition.reasons(candidate(0), candidate(1, "u-2"), candidate(2)) == [
        Reason.PUSHED,
        Reason.PUSHED,
        Reason.CAPPED,
    ]


def test_what_was_pushed_before_fills_the_caps() -> None:
    sends = {"u-1": [CountedSend("m-2", START - HOUR)]}

    assert ReplayedPartition(sends=sends).reasons(candidate(0), candidate(1, "u-2")) == [Reason.CAPPED, Reason.PUSHED]


def test_an_event_that_came_twice_is_pushed_once() -> None:
    data = with_caps(Cap(CapPer.USER, 9, 24))
    copy = msgspec.structs.replace(candidate(0).validated, position=SourcePosition("saving-events", 0, 7))

    reasons = ReplayedPartition(data).reasons(candidate(0), msgspec.structs.replace(candidate(0), validated=copy))

    assert reasons == [Reason.PUSHED, Reason.DUPLICATE]


def test_a_shorter_freshness_expires_what_was_fresh_then() -> None:
    data = snapshot()
    freshness = {EventType.GEOFENCE_ENTERED: timedelta(seconds=1)}
    hasty = replace(data, rules=replace(data.rules, freshness=freshness))

    assert ReplayedPartition(hasty).reasons(candidate()) == [Reason.EXPIRED]


def test_a_type_that_no_rule_listens_to_is_no_trigger() -> None:
    data = snapshot()
    (rule,) = data.rules.rules
    deaf = replace(rule, event_types=frozenset({EventType.OFFER_VIEWED}))

    assert ReplayedPartition(replace(data, rules=replace(data.rules, rules=(deaf,)))).reasons(candidate()) == [
        Reason.NOT_A_TRIGGER
    ]


def decision(
    number: int, reason: Reason, stage: Stage = Stage.DISPATCH_PUSH, *, at: datetime = START, **details: object
) -> Decision:
    position = SourcePosition("saving-events", 0, number)
    return Decision(
        decision_id=decision_id(position, reason),
        position=position,
        stage=stage,
        reason=reason,
        decided_at=at,
        worker="w-1",
        user_id="u-1",
        merchant_id="m-1",
        details=dict(details),
        versions=Versions(rules="rules-1", merchants="merchants-1"),
    )


def record(*entries: Decision | Receipt) -> tuple[RecordedDecisions, Unknown]:
    unknown = Unknown()
    history = RecordedDecisions(START, unknown, in_memory)
    for entry in entries:
        history.take(entry)
    return history, unknown


def test_pushes_before_the_time_asked_about_are_sends_each_once() -> None:
    before = START - HOUR
    history, _ = record(
        decision(1, Reason.PUSHED, at=before),
        decision(1, Reason.PUSHED, at=before + MINUTE),
        decision(2, Reason.PUSH_UNCERTAIN, at=before),
        decision(3, Reason.CAPPED, at=before),
        decision(4, Reason.PUSHED, at=START),
    )

    assert history.sends("u-1") == [CountedSend("m-1", before), CountedSend("m-1", before)]
    assert history.sends("u-2") == []


def test_what_nobody_can_know_is_counted() -> None:
    receipt = Receipt(topic="saving-events", partition=0, ranges=((5, 9), (20, 20)), decided_at=START, worker="w-1")

    _, unknown = record(
        receipt,
        msgspec.structs.replace(receipt, decided_at=START - HOUR),
        decision(1, Reason.QUIET_HOURS, Stage.QUERY_COUPONS, asked=False),
        decision(2, Reason.NO_COUPON, Stage.QUERY_COUPONS, offered=0),
    )

    assert unknown == Unknown(Counter({"quiet_hours": 1}), Counter({"no_coupon": 1}), 6)


WON = decision(1, Reason.CAPPED, rule_id="at-the-store", coupon_id="c-1")
PUSHED = decision(1, Reason.PUSHED, rule_id="at-the-store", coupon_id="c-1")
KEPT_BACK = decision(1, Reason.CONTROL, rule_id="at-the-store", coupon_id="c-1")
REFUSED = decision(1, Reason.QUIET_HOURS, Stage.EVALUATE_RULES)
WINS = Replayed(Reason.CAPPED, rule_id="at-the-store", coupon_id="c-1")


@pytest.mark.parametrize(
    ("recorded", "replayed", "found"),
    [
        pytest.param(WON, WINS, (1, 0, 0), id="the same winner"),
        pytest.param(WON, replace(WINS, reason=Reason.EXPIRED), (1, 0, 0), id="the same, whatever became of it"),
        pytest.param(WON, replace(WINS, coupon_id="c-2"), (0, 1, 0), id="another coupon"),
        pytest.param(WON, Replayed(Reason.HELD_OUT, Reason.HELD_OUT), (0, 1, 0), id="won then, refused now"),
        pytest.param(WON, replace(WINS, variant="plain"), (0, 1, 0), id="another text"),
        pytest.param(WON, replace(WINS, control=True), (1, 0, 0), id="ended before anybody was kept back"),
        pytest.param(PUSHED, replace(WINS, control=True), (0, 1, 0), id="pushed then, kept back now"),
        pytest.param(KEPT_BACK, WINS, (0, 1, 0), id="kept back then, not now"),
        pytest.param(REFUSED, Replayed(Reason.QUIET_HOURS, Reason.QUIET_HOURS), (1, 0, 0), id="the same refusal"),
        pytest.param(REFUSED, Replayed(Reason.HELD_OUT, Reason.HELD_OUT), (0, 1, 0), id="another refusal"),
        pytest.param(REFUSED, WINS, (0, 1, 0), id="refused then, wins now"),
    ],
)
def test_the_record_agrees_or_what_differs_is_shown(
    recorded: Decision, replayed: Replayed, found: tuple[int, int, int]
) -> None:
    history, _ = record(recorded)
    agreement = Agreement("rules-1")

    agreement.compare(
        recorded.position, history.evaluated(recorded.position, recorded.event_id), replayed, "merchants-1"
    )

    assert (agreement.same, agreement.different, agreement.different_with_other_merchants) == found
    assert len(agreement.examples) == found[1]


def test_it_finds_the_texts_in_turn_that_the_workers_chose() -> None:
    data = with_texts_in_turn(snapshot())
    live = ReplayedPartition(data)
    events = [candidate(number, f"u-{number}") for number in range(200)]
    decisions = [worker_decision(each, data) for each in events]
    history, agreement = record(*decisions)[0], Agreement("rules-1")

    for each, decided in zip(events, decisions, strict=True):
        recorded = history.evaluated(decided.position, decided.event_id)
        agreement.compare(decided.position, recorded, live.replay.take(each), "merchants-1")

    assert agreement == Agreement("rules-1", same=200)
    assert live.totals.variants == Counter(("at-the-store", str(each.details["variant"])) for each in decisions)


def test_it_keeps_back_whom_the_workers_kept_back_and_charges_the_caps() -> None:
    data = with_control(snapshot())
    live = ReplayedPartition(data)
    events = [candidate(number, f"u-{number}") for number in range(200)]
    decisions = [worker_decision(each, data) for each in events]
    history, agreement = record(*decisions)[0], Agreement("rules-1")

    for each, decided in zip(events, decisions, strict=True):
        recorded = history.evaluated(decided.position, decided.event_id)
        agreement.compare(decided.position, recorded, live.replay.take(each), "merchants-1")

    control = [each.user_id for each in decisions if each.reason is Reason.CONTROL]
    assert agreement == Agreement("rules-1", same=200)
    assert live.totals.controls == {"at-the-store": len(control)}
    assert live.totals.users == live.totals.pushes == 200 - len(control)
    second = [candidate(number, user, at=START + HOUR) for number, user in enumerate(map(str, control), 200)]
    assert set(live.reasons(*second)) == {Reason.CAPPED}


def worker_decision(of: Candidate, data: Snapshot) -> Decision:
    """That it was pushed, or kept back, as the stages write it."""
    outcome = evaluate_rules(of, data, START)
    assert isinstance(outcome, Forward)
    made = outcome.value
    reason, attempts = (Reason.CONTROL, []) if made.control else (Reason.PUSHED, ["accepted 201"])
    decided = decided_by(made, data.rules, reason, {"attempts": attempts})
    return msgspec.structs.replace(
        decision(made.position.offset, reason),
        event_id=made.event_id,
        user_id=made.user_id,
        details=dict(decided.details),
    )


def test_what_another_version_decided_is_not_compared() -> None:
    history, _ = record(WON)
    agreement = Agreement("rules-2")

    agreement.compare(WON.position, history.evaluated(WON.position, WON.event_id), WINS, "merchants-1")

    assert agreement == Agreement("rules-2")


def test_a_difference_with_another_merchant_directory_is_counted_by_itself() -> None:
    history, _ = record(WON)
    agreement = Agreement("rules-1")
    recorded = history.evaluated(WON.position, WON.event_id)

    agreement.compare(WON.position, recorded, replace(WINS, coupon_id="c-2"), "merchants-2")

    assert agreement == Agreement("rules-1", different_with_other_merchants=1)


def test_users_gain_and_lose() -> None:
    users = Users()

    for user, before, after in (("a", 1, 1), ("c", 1, 0), ("b", 2, 1), ("d", 0, 1)):
        users.compare(user, before, after)

    assert (users.gain, users.gaining) == (1, ["d"])
    assert (users.lose, users.losing) == (2, ["b", "c"])


def test_a_candidate_of_an_older_release_is_replayed_as_of_when_its_event_was_read() -> None:
    old = msgspec.structs.replace(candidate(), looked_at=None)
    partition = ReplayedPartition()

    partition.reasons(old)

    assert partition.totals.hours == Counter({f"{old.validated.read_at.astimezone(UTC):%Y-%m-%d %H}": 1})
