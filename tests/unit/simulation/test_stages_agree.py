"""A replay ends events as the last two stages did: `benchmarks/simulate.py` does it with 200,000, by way of Kafka."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

import msgspec
import pytest

from benchmarks.last_stages import live
from benchmarks.recorded_traffic import compared, directory, traffic
from benchmarks.rules import make_cases, make_rules
from saving_alerts.domain.canary.split import is_in_canary
from saving_alerts.domain.coupons import Candidate
from saving_alerts.domain.decisions import Decision
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.domain.rules_file.compiler import read_rules
from saving_alerts.kafka.client import partition_of
from saving_alerts.reference_data.snapshot import Merchants, ReferenceData, Snapshot
from saving_alerts.simulation.all_partitions import AllPartitions
from saving_alerts.simulation.budgets import ReplayedBudgets
from saving_alerts.simulation.replay import Replay
from saving_alerts.simulation.totals import Totals
from tests.support.sample_canary import an_order

COUNT = 2_000
EVERY = timedelta(minutes=2)
BEGAN = datetime(2026, 11, 20, microsecond=137_001, tzinfo=UTC)
CASES = make_cases(Random(7))
SHOPS = Merchants("merchants-1", directory(CASES))
FILE = make_rules(Random(7), 20)
PERCENT = 40
DAYS = timedelta(days=30)


def with_rules(rules: RuleSet) -> ReferenceData:
    data = ReferenceData()
    data.replace_rules(rules, BEGAN)
    data.replace_merchants(SHOPS, BEGAN)
    return data


def candidates(*, departures: bool) -> list[Candidate]:
    return traffic(CASES, BEGAN, COUNT, EVERY, users=200, departures=departures)


def decisions(data: ReferenceData, found: list[Candidate]) -> dict[str, Decision]:
    """Of a worker, by event."""
    decided: dict[str, Decision] = {}
    live(data, found, lambda each, decision: decided.update({each.validated.event.event_id: decision}))
    return decided


def replay_of(snapshot: Snapshot, shared: AllPartitions | None = None) -> tuple[Replay, Totals]:
    totals = Totals()
    return Replay(snapshot, totals, lambda _user: (), lambda _name: {}, "", shared), totals


def budgets_of(snapshot: Snapshot) -> AllPartitions:
    return AllPartitions(ReplayedBudgets(snapshot, BEGAN - timedelta(days=2)))


def test_each_event_with_caps_budgets_texts_in_turn_control_and_store_hours() -> None:
    data, found = with_rules(read_rules(compared(FILE, pushes_per_day=1))), candidates(departures=False)
    decided, (replay, _) = decisions(data, found), replay_of(data.current, budgets_of(data.current))

    for each in found:
        decision, replayed = decided[each.validated.event.event_id], replay.take(each)
        assert (decision.reason, decision.details.get("variant")) == (replayed.reason, replayed.variant)

    seen = Counter(each.reason for each in decided.values())
    assert min(seen[each] for each in (Reason.PUSHED, Reason.CAPPED, Reason.CONTROL, Reason.BUDGET_SPENT)) > 10


@pytest.mark.parametrize("partitions", [1, 4])
def test_as_many_of_each_end_where_alerts_are_gathered_and_budgets_are_scarce(partitions: int) -> None:
    """What of a budget is left for an alert is known at the end of its gathering, in the order of these ends."""
    data = with_rules(read_rules(compared(FILE, pushes_per_day=2, choose_within_seconds=10)))
    found, shared = candidates(departures=True), budgets_of(data.current)
    replays = [replay_of(data.current, shared) for _ in range(partitions)]

    for each in found:
        replays[partition_of(each.validated.event.user_id.encode(), partitions)][0].take(each)
    for replay, _ in replays:
        replay.finish()

    seen = Counter(str(each.reason) for each in decisions(data, found).values())
    together = sum((totals.reasons for _, totals in replays), Counter[str]())
    assert Counter({str(reason): count for reason, count in together.items() if count}) == seen
    scarce = (Reason.PUSHED, Reason.OUTBID, Reason.LEFT, Reason.CAPPED, Reason.CONTROL, Reason.BUDGET_SPENT)
    assert min(seen[each] for each in scarce) > 10


def test_each_set_of_a_canary_for_its_own_users() -> None:
    """With budgets it is not the same: workers take them for both sets together, and a replay for one set."""
    rules, tried = (read_rules(compared(make_rules(Random(seed), 20), None, 10)) for seed in (7, 8))
    order = msgspec.structs.replace(an_order(tried.version, rules.version, PERCENT), ends=BEGAN + DAYS)
    data, found = with_rules(rules), candidates(departures=True)
    data.replace_canary((order, tried))
    seen = Counter((each.versions.rules, str(each.reason)) for each in decisions(data, found).values())

    for snapshot in (data.current, Snapshot(tried, SHOPS)):
        replay, totals = replay_of(snapshot)
        is_tried = snapshot.rules is tried
        for each in found:
            if is_in_canary(PERCENT, tried.version, each.validated.event.user_id) is is_tried:
                replay.take(each)
        replay.finish()
        own = {reason: count for (version, reason), count in seen.items() if version == snapshot.rules.version}
        assert {str(reason): count for reason, count in totals.reasons.items() if count} == own
        assert min(own[each] for each in (Reason.PUSHED, Reason.OUTBID, Reason.LEFT, Reason.CONTROL)) > 5
