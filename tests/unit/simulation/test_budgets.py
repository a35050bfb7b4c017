"""Budgets in a simulation: counted over all partitions, in the order of time, as workers count."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.commands.simulate.report import figures
from saving_alerts.domain.budgets import Budget
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules.control import Control
from saving_alerts.ledger.topic_reader import StoredRecord
from saving_alerts.reference_data.snapshot import Snapshot
from saving_alerts.simulation.all_partitions import AllPartitions
from saving_alerts.simulation.budgets import ReplayedBudgets
from saving_alerts.simulation.in_order import in_order
from saving_alerts.simulation.partition_replay import Question, Simulation
from saving_alerts.simulation.replay import Replay
from saving_alerts.simulation.totals import Totals
from tests.support.fakes.clock import START
from tests.support.sample_events import snapshot
from tests.unit.simulation.test_simulate import candidate, in_memory

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def with_budget(pushes: int, hours: str = "Mo-Su 09:00-10:00") -> Snapshot:
    data = snapshot()
    return replace(data, rules=replace(data.rules, budgets={"merchant:m-1": Budget(pushes, hours=hours)}))


def partitions(data: Snapshot, totals: Totals, count: int = 2) -> list[Replay]:
    shared = AllPartitions(ReplayedBudgets(data, START - DAY))
    return [Replay(data, totals, lambda _user: [], in_memory, "", shared) for _ in range(count)]


def test_all_partitions_take_of_one_budget_and_it_is_new_each_day() -> None:
    data, totals = with_budget(2), Totals()
    replays = partitions(data, totals)
    found = [
        replays[number % 2].take(candidate(number, f"u-{number}", at=START + number * MINUTE)).reason
        for number in range(4)
    ]
    tomorrow = replays[0].take(candidate(9, "u-9", at=START + DAY)).reason

    assert [*found, tomorrow] == [
        *(Reason.PUSHED, Reason.PUSHED),
        *(Reason.BUDGET_SPENT, Reason.BUDGET_SPENT),
        Reason.PUSHED,
    ]
    assert totals.budgets == {"merchant:m-1": 2}


def test_it_is_spread_over_its_hours() -> None:
    """A quarter past ten, of 24 from ten to ten: three are out."""
    (replay,) = partitions(with_budget(24, "Mo-Su 10:00-22:00"), Totals(), 1)

    found = [replay.take(candidate(number, f"u-{number}")).reason for number in range(4)]

    assert found == [Reason.PUSHED] * 3 + [Reason.BUDGET_SPENT]


def test_what_is_kept_back_as_control_takes_nothing_and_is_told_that_it_is_spent() -> None:
    data = with_budget(1)
    data = replace(data, rules=replace(data.rules, control=Control(50, "file\n")))
    totals = Totals()
    (replay,) = partitions(data, totals, 1)

    found = [replay.take(candidate(number, f"u-{number}")) for number in range(40)]

    ends = [(each.control, each.reason) for each in found]
    assert ends.count((False, Reason.PUSHED)) == 1
    pushed = ends.index((False, Reason.PUSHED))
    assert set(ends[:pushed]) <= {(True, Reason.CONTROL)}
    assert {reason for _, reason in ends[pushed + 1 :]} == {Reason.BUDGET_SPENT}


def test_what_is_refused_by_a_budget_is_not_charged_to_the_caps() -> None:
    data = with_budget(1)
    (replay,) = partitions(data, Totals(), 1)

    found = [replay.take(candidate(n, user, at=START + n * DAY / 2)).reason for n, user in ((0, "u-1"), (1, "u-2"))]

    assert found == [Reason.PUSHED, Reason.BUDGET_SPENT]
    assert replay.take(candidate(2, "u-2", at=START + DAY)).reason is Reason.PUSHED


def test_of_the_day_on_which_it_begins_what_was_out_counts_as_taken() -> None:
    data = with_budget(24, "Mo-Su 10:00-22:00")
    shared = AllPartitions(ReplayedBudgets(data, START))
    replay = Replay(data, Totals(), lambda _user: [], in_memory, "", shared)

    later = [replay.take(candidate(number, f"u-{number}", at=START + 16 * MINUTE)).reason for number in range(2)]

    assert replay.take(candidate(9, "u-9")).reason is Reason.BUDGET_SPENT
    assert later == [Reason.PUSHED, Reason.BUDGET_SPENT]


def test_the_report_has_a_line_for_each_budget() -> None:
    data = with_budget(2)
    question = Question(snapshot().rules, data.rules, data.merchants, START)
    after = Totals()
    after.budgets["merchant:m-1"] = 7

    told = [
        each for each in figures(question, Simulation(Totals(), after, [], START)) if each.name.startswith("budget")
    ]

    assert told == [("budget merchant:m-1: stopped", 0, 7)]
    assert question.has_budgets
    assert not Question(snapshot().rules, snapshot().rules, data.merchants, START).has_budgets


@dataclass(frozen=True)
class Record:
    partition: int
    offset: int
    timestamp: int
    key: bytes | None = None
    value: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


async def batches(records: list[StoredRecord], size: int) -> AsyncIterator[list[StoredRecord]]:
    for first in range(0, len(records), size):
        yield records[first : first + size]


@given(st.lists(st.lists(st.integers(0, 9), max_size=8), max_size=4), st.integers(1, 3))
def test_records_come_by_their_time_and_those_of_a_partition_in_their_order(times: list[list[int]], size: int) -> None:
    records: dict[int, list[StoredRecord]] = {
        number: [Record(number, offset, at) for offset, at in enumerate(partition)]
        for number, partition in enumerate(times)
    }

    async def read() -> list[StoredRecord]:
        return [each async for each in in_order({number: batches(each, size) for number, each in records.items()})]

    found = asyncio.run(read())

    for number, expected in records.items():
        assert [each for each in found if each.partition == number] == expected
    if all(partition == sorted(partition) for partition in times):
        assert [each.timestamp for each in found] == sorted(each.timestamp for each in found)


@pytest.mark.asyncio
async def test_what_fails_while_it_is_read_ends_all_of_it() -> None:
    closed: list[int] = []

    async def failing(number: int) -> AsyncIterator[list[StoredRecord]]:
        try:
            yield [Record(number, 0, number)]
            raise OSError("no more")
        finally:
            closed.append(number)

    with pytest.raises(OSError, match="no more"):
        _ = [each async for each in in_order({number: failing(number) for number in (1, 2)})]

    assert 1 in closed
