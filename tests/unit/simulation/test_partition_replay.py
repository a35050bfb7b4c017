"""What grows with the events is on disk: the results are those of a simulation that has room for all of them."""

import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import msgspec
from aiokafka import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.caps import Cap, CapPer
from saving_alerts.domain.coupons import Candidate
from saving_alerts.domain.decisions import Decision, Stage, Versions, decision_id
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.codecs import Envelope, encode
from saving_alerts.simulation.disk_tables import Tables, disk_tables
from saving_alerts.simulation.partition_replay import PartitionReplay, Question, Simulation
from saving_alerts.simulation.recorded_decisions import Agreement, RecordedDecisions, Unknown
from saving_alerts.simulation.totals import Totals
from tests.support.fakes.clock import START
from tests.support.sample_events import coupon, event, snapshot, validated

CACHE_BYTES = 16 * 1024  # the least: everything is on disk
MANY = 2_000


class Recorded(msgspec.Struct, frozen=True):
    """One event as it was decided and as it comes as a candidate; either can be missing or come again."""

    offset: int
    user: int
    hours: float
    percent: float = 20
    reborn: bool = False
    decided: bool = True
    reason: Reason = Reason.PUSHED

    @property
    def position(self) -> SourcePosition:
        return SourcePosition("saving-events", 0, self.offset)

    @property
    def event_id(self) -> str:
        return f"e-{self.offset}{'-reborn' if self.reborn else ''}"

    def decision(self) -> Decision:
        return Decision(
            decision_id=decision_id(self.position, self.reason),
            position=self.position,
            stage=Stage.DISPATCH_PUSH if self.reason is not Reason.QUIET_HOURS else Stage.EVALUATE_RULES,
            reason=self.reason,
            decided_at=START + timedelta(hours=self.hours),
            worker="w-1",
            event_id=self.event_id,
            user_id=f"u-{self.user}",
            merchant_id="m-1",
            details={"rule_id": "at-the-store", "coupon_id": "c-1"},
            versions=Versions(rules="rules-1", merchants="merchants-1"),
        )

    def candidate(self) -> ConsumerRecord:
        at = START + timedelta(hours=self.hours)
        happened = msgspec.structs.replace(
            event(occurred_at=at, user_id=f"u-{self.user}"), event_id=self.event_id, merchant_id="m-1"
        )
        value = msgspec.structs.replace(validated(happened), position=self.position, read_at=at, deadline=at)
        body = encode(Candidate(validated=value, coupons=(coupon(self.percent),), looked_at=at))
        headers = Envelope(self.position, self.event_id, at).headers()
        return ConsumerRecord("candidates", 0, 0, 0, 0, b"", body, None, -1, -1, headers)


recorded = st.builds(
    Recorded,
    offset=st.integers(0, 12),
    user=st.integers(0, 3),
    hours=st.floats(-30, 60),
    percent=st.sampled_from([5, 20, 60]),
    reborn=st.booleans(),
    decided=st.booleans(),
    reason=st.sampled_from([Reason.PUSHED, Reason.CAPPED, Reason.QUIET_HOURS]),
)


def simulated(events: Sequence[Recorded], tables: Tables) -> Simulation:
    before = snapshot()
    after = replace(
        snapshot(min_discount_percent=50).rules, version="rules-2", caps=(Cap(CapPer.USER_AND_MERCHANT, 2, 24),)
    )
    question = Question(before.rules, after, before.merchants, START)
    simulation = Simulation(Totals(), Totals(), [Agreement("rules-1"), Agreement("rules-2")], START, unknown=Unknown())
    decisions = RecordedDecisions(START, simulation.unknown, tables)
    for each in events:
        if each.decided:
            decisions.take(each.decision())
    partition = PartitionReplay(question, simulation, decisions, tables)
    for each in events:
        partition.take(each.candidate())
    partition.finish()
    return simulation


@given(st.lists(recorded, max_size=30))
def test_on_disk_it_finds_what_it_finds_in_memory(events: list[Recorded]) -> None:
    with disk_tables(CACHE_BYTES) as tables:
        assert simulated(events, tables) == simulated(events, lambda _name: {})


def peak_of(events: Sequence[Recorded]) -> int:
    with disk_tables(CACHE_BYTES) as tables:
        simulated(events[:10], lambda _name: {})  # what is made once is not counted
        tracemalloc.start()
        try:
            assert simulated(events, tables).candidates == len(events)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


def test_memory_does_not_grow_with_events_or_users() -> None:
    """Each of 2,000 events, of a user of its own, took about 1,600 bytes."""
    events = [Recorded(number, number, number / MANY) for number in range(MANY)]

    assert peak_of(events) < peak_of(events[: MANY // 8]) + 100 * 1024
