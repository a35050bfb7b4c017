"""Whatever the order of finishing, batches come out in order and never past an unfinished one."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.delivery.in_flight import InFlight, InFlightBatch, InFlightLimits

LIMIT = 10
LIMIT_BYTES = 1000
UNCOMMITTED = 40
LIMITS = InFlightLimits(LIMIT, LIMIT_BYTES, UNCOMMITTED, 5 * LIMIT_BYTES)
PARTITION = "saving-events-0"


def filled(*records: int) -> tuple[InFlight[int], list[InFlightBatch[int]]]:
    """A window with batches of so many records, named by their number."""
    window: InFlight[int] = InFlight(LIMITS)
    return window, [window.take(PARTITION, number, size, 1) for number, size in enumerate(records)]


@st.composite
def finishing_orders(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    """Sizes of batches, and the batch of each record in the order in which the records are finished."""
    sizes = draw(st.lists(st.integers(1, 5), min_size=1, max_size=8))
    return sizes, draw(st.permutations([batch for batch, size in enumerate(sizes) for _ in range(size)]))


def finished_prefix(sizes: Sequence[int], done: Sequence[int]) -> list[int]:
    """What may be acknowledged, by the definition: all batches before the first that lacks a record."""
    complete = [done.count(batch) == size for batch, size in enumerate(sizes)]
    return list(range(complete.index(False) if False in complete else len(complete)))


@given(finishing_orders())
def test_acknowledgements_come_in_order_and_never_past_unfinished_work(case: tuple[list[int], list[int]]) -> None:
    sizes, order = case
    window, slots = filled(*sizes)
    out: list[int] = []

    for count, batch in enumerate(order, start=1):
        out += window.finish(slots[batch], 1)

        assert out == finished_prefix(sizes, order[:count])
    assert window.unfinished == 0


def test_a_slow_head_holds_those_behind_it_and_then_lets_all_go() -> None:
    window, (head, second, third) = filled(1, 1, 1)

    held = window.finish(third, 1) + window.finish(second, 1)
    let_go = window.finish(head, 1)

    assert (held, let_go) == ([], [0, 1, 2])


def test_partitions_do_not_wait_for_each_other() -> None:
    window, _ = filled(1)
    other = window.take("saving-events-1", 9, 1, 1)

    assert window.finish(other, 1) == [9]


@pytest.mark.parametrize(
    ("records", "is_full"),
    [pytest.param(LIMIT - 1, False, id="one-below"), pytest.param(LIMIT, True, id="at-the-limit")],
)
def test_a_partition_is_full_at_its_limit(records: int, *, is_full: bool) -> None:
    window, _ = filled(records)

    assert window.is_full(PARTITION) is is_full


@pytest.mark.parametrize(
    ("left", "has_room"),
    [pytest.param(LIMIT // 2 + 1, False, id="above-half"), pytest.param(LIMIT // 2, True, id="half")],
)
def test_a_full_partition_has_room_again_at_half(left: int, *, has_room: bool) -> None:
    window, (slot,) = filled(LIMIT)

    window.finish(slot, LIMIT - left)

    assert window.below_resume_mark(PARTITION) is has_room


def test_a_full_partition_leaves_room_in_the_others() -> None:
    window, _ = filled(LIMIT)

    assert not window.is_full("saving-events-1")


def test_finished_records_behind_a_slow_head_make_room() -> None:
    window, (_head, rest) = filled(1, LIMIT - 1)

    window.finish(rest, LIMIT - 1)

    assert (window.unfinished, window.below_resume_mark(PARTITION)) == (1, True)


def test_a_closed_window_lets_nothing_through() -> None:
    window, (slot,) = filled(1)

    window.close()

    assert window.finish(slot, 1) == []


def test_bytes_fill_it_as_records_do_and_are_free_when_their_batch_is_finished() -> None:
    window: InFlight[int] = InFlight(LIMITS)
    large = window.take(PARTITION, 0, 2, LIMIT_BYTES - 1)
    assert not window.is_full(PARTITION)
    small = window.take(PARTITION, 1, 1, 1)
    assert window.is_full(PARTITION)

    window.finish(large, 1)
    window.finish(small, 1)
    assert not window.below_resume_mark(PARTITION)
    window.finish(large, 1)

    assert window.below_resume_mark(PARTITION)


@pytest.mark.parametrize(("records", "size"), [(1, 5 * LIMIT_BYTES // UNCOMMITTED), (UNCOMMITTED // 8, 1)])
def test_what_is_finished_behind_a_held_head_fills_it_until_the_head_is_finished(records: int, size: int) -> None:
    window: InFlight[int] = InFlight(LIMITS)
    head = window.take(PARTITION, 0, 1, 1)
    taken = 0
    while not window.is_full(PARTITION):
        taken += 1
        assert window.finish(window.take(PARTITION, taken, records, size), records) == []
    uncommitted = window.most_uncommitted

    acknowledged = window.finish(head, 1)

    assert uncommitted == 1 + taken * records
    assert uncommitted <= UNCOMMITTED + records
    assert acknowledged == [*range(taken + 1)]
    assert window.below_resume_mark(PARTITION)
    assert window.most_uncommitted == 0
