"""Whatever the order of finishing, batches come out in order and never past an unfinished one; and nothing grows."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.delivery.in_flight import FEW_ENTRIES, InFlight, InFlightBatch, InFlightLimits, Measures

LIMIT = 10
LIMIT_BYTES = 1000
UNCOMMITTED = 40
LIMITS = InFlightLimits(LIMIT, LIMIT_BYTES, UNCOMMITTED, 5 * LIMIT_BYTES)
UNLIMITED = InFlightLimits(10**9, 10**9, 10**9, 10**9)
PARTITION = "saving-events-0"


@dataclass(frozen=True)
class Record:
    """`last`: of a record that stands for several offsets."""

    offset: int
    size: int = 1
    last: int | None = None


MEASURES: Measures[Record] = Measures(
    lambda record: record.size, lambda record: record.offset if record.last is None else record.last
)
Taken = InFlightBatch[int, Record]


def window_of(limits: InFlightLimits = LIMITS, let_go: list[int] | None = None) -> InFlight[int, Record]:
    return InFlight(limits, MEASURES, (let_go if let_go is not None else []).append)


def records(first: int, count: int, size: int = 1) -> list[Record]:
    return [Record(offset, size) for offset in range(first, first + count)]


def filled(*sizes: int, let_go: list[int] | None = None) -> tuple[InFlight[int, Record], list[Taken]]:
    """A window with batches of so many records, named by their number, without gaps between them."""
    window = window_of(LIMITS, let_go)
    firsts = [sum(sizes[:number]) for number in range(len(sizes))]
    batches = zip(firsts, sizes, strict=True)
    return window, [window.take(PARTITION, number, records(*batch)) for number, batch in enumerate(batches)]


def finish_first(window: InFlight[int, Record], taken: Taken, count: int = 1) -> list[int]:
    """Finish the first unfinished records of a batch."""
    return window.finish(taken, list(taken.unfinished)[:count])


@st.composite
def finishing_orders(draw: st.DrawFn) -> tuple[list[int], list[tuple[int, int]]]:
    """Sizes of batches, and batch and offset of each record in the order in which the records are finished."""
    sizes = draw(st.lists(st.integers(1, 5), min_size=1, max_size=8))
    batches = [batch for batch, size in enumerate(sizes) for _ in range(size)]
    return sizes, draw(st.permutations([(batch, offset) for offset, batch in enumerate(batches)]))


def finished_prefix(sizes: Sequence[int], done: Sequence[int]) -> list[int]:
    """What may be acknowledged, by the definition: all batches before the first that lacks a record."""
    complete = [done.count(batch) == size for batch, size in enumerate(sizes)]
    return list(range(complete.index(False) if False in complete else len(complete)))


@given(finishing_orders())
def test_acknowledgements_come_in_order_and_never_past_unfinished_work(
    case: tuple[list[int], list[tuple[int, int]]],
) -> None:
    sizes, order = case
    window, taken = filled(*sizes)
    out: list[int] = []

    for count, (batch, offset) in enumerate(order, start=1):
        out += window.finish(taken[batch], [offset])

        assert out == finished_prefix(sizes, [batch for batch, _ in order[:count]])
    assert window.unfinished == 0


@given(finishing_orders())
def test_finished_ranges_are_what_is_finished_and_not_acknowledged(
    case: tuple[list[int], list[tuple[int, int]]],
) -> None:
    sizes, order = case
    window, taken = filled(*sizes)
    acknowledged = 0

    for count, (batch, offset) in enumerate(order, start=1):
        acknowledged += sum(sizes[each] for each in window.finish(taken[batch], [offset]))

        ranges = window.finished_ranges(PARTITION)
        in_ranges = {offset for first, last in ranges for offset in range(first, last + 1)}
        assert in_ranges == {offset for _, offset in order[:count] if offset >= acknowledged}


def test_no_finished_range_covers_an_offset_of_an_unfinished_record_that_stands_for_several() -> None:
    window = window_of()
    window.take(PARTITION, 0, [Record(0)])
    taken = window.take(PARTITION, 1, [Record(1), Record(2, last=9), Record(10)])

    window.finish(taken, [1, 10])

    assert window.finished_ranges(PARTITION) == [(1, 1), (10, 10)]


def test_a_slow_head_holds_those_behind_it_and_then_lets_all_go() -> None:
    window, (head, second, third) = filled(1, 1, 1)

    held = finish_first(window, third) + finish_first(window, second)
    let_go = finish_first(window, head)

    assert (held, let_go) == ([], [0, 1, 2])


def test_partitions_do_not_wait_for_each_other() -> None:
    window, _ = filled(1)
    other = window.take("saving-events-1", 9, records(0, 1))

    assert finish_first(window, other) == [9]


@pytest.mark.parametrize(
    ("taken", "is_full"),
    [pytest.param(LIMIT - 1, False, id="one-below"), pytest.param(LIMIT, True, id="at-the-limit")],
)
def test_a_partition_is_full_at_its_limit(taken: int, *, is_full: bool) -> None:
    window, _ = filled(taken)

    assert window.is_full(PARTITION) is is_full


def test_what_was_handed_on_counts_before_it_is_taken_and_only_once() -> None:
    window, _ = filled(1)

    window.expect(PARTITION, LIMIT - 1, LIMIT - 1)
    full_before = window.is_full(PARTITION)
    window.take(PARTITION, 1, records(1, LIMIT - 2))

    assert (full_before, window.is_full(PARTITION)) == (True, True)
    assert window.unfinished == LIMIT - 1
    window.take(PARTITION, 2, records(LIMIT - 1, 1))
    assert window.unfinished == LIMIT
    assert window.is_full(PARTITION)


@pytest.mark.parametrize(
    ("left", "has_room"),
    [pytest.param(LIMIT // 2 + 1, False, id="above-half"), pytest.param(LIMIT // 2, True, id="half")],
)
def test_a_full_partition_has_room_again_at_half(left: int, *, has_room: bool) -> None:
    window, (taken,) = filled(LIMIT)

    finish_first(window, taken, LIMIT - left)

    assert window.below_resume_mark(PARTITION) is has_room


def test_a_full_partition_leaves_room_in_the_others() -> None:
    window, _ = filled(LIMIT)

    assert not window.is_full("saving-events-1")


def test_finished_records_behind_a_slow_head_make_room() -> None:
    window, (_head, rest) = filled(1, LIMIT - 1)

    finish_first(window, rest, LIMIT - 1)

    assert (window.unfinished, window.below_resume_mark(PARTITION)) == (1, True)


def test_a_closed_window_lets_nothing_through() -> None:
    window, (taken,) = filled(1)

    window.close()

    assert finish_first(window, taken) == []


def test_bytes_that_were_handed_on_fill_it_before_they_are_taken() -> None:
    window = window_of()

    window.expect(PARTITION, 1, LIMIT_BYTES)
    full_before = window.is_full(PARTITION)
    taken = window.take(PARTITION, 0, [Record(0, LIMIT_BYTES)])

    assert (full_before, window.is_full(PARTITION)) == (True, True)
    finish_first(window, taken)
    assert window.below_resume_mark(PARTITION)


def test_bytes_fill_it_as_records_do_and_are_free_when_their_record_is_finished() -> None:
    window = window_of()
    window.take(PARTITION, 0, [Record(0, LIMIT_BYTES // 2 - 1)])
    large = window.take(PARTITION, 1, [Record(1, LIMIT_BYTES // 2), Record(2, 1)])
    assert window.is_full(PARTITION)

    window.finish(large, [1])

    assert window.below_resume_mark(PARTITION)


@pytest.mark.parametrize(("count", "size"), [(1, 5 * LIMIT_BYTES // UNCOMMITTED), (UNCOMMITTED // 8, 1)])
def test_what_is_finished_behind_a_held_head_fills_it_until_the_head_is_finished(count: int, size: int) -> None:
    window = window_of()
    head = window.take(PARTITION, 0, records(0, 1))
    taken = 0
    while not window.is_full(PARTITION):
        taken += 1
        assert finish_first(window, window.take(PARTITION, taken, records(taken * 100, count, size)), count) == []
    (held,) = window.heads()

    acknowledged = finish_first(window, head)

    assert held.uncommitted == 1 + taken * count
    assert held.uncommitted <= UNCOMMITTED + count
    assert acknowledged == [*range(taken + 1)]
    assert window.below_resume_mark(PARTITION)
    assert list(window.heads()) == []


def test_the_head_is_the_first_unfinished_record() -> None:
    window, (first, second) = filled(2, 3)
    window.finish(second, [2, 4])
    at_first = [(head.batch, head.record.offset, head.uncommitted) for head in window.heads()]

    window.finish(first, [0, 1])

    assert at_first == [(0, 0, 5)]
    assert [(head.batch, head.record.offset, head.uncommitted) for head in window.heads()] == [(1, 3, 3)]


def test_however_much_is_finished_behind_held_records_as_little_is_kept() -> None:
    let_go: list[int] = []
    window = window_of(UNLIMITED, let_go)
    held, most, acknowledged = [], 0, list[int]()
    for offset in range(20_000):
        taken = window.take(PARTITION, offset, records(offset, 1))
        if offset % 4_000 == 0:
            held.append(taken)
        else:
            finish_first(window, taken)
        most = max(most, len(window._rows[PARTITION].entries))
    ranges = window.finished_ranges(PARTITION)

    for taken in held:
        acknowledged += finish_first(window, taken)

    assert most <= FEW_ENTRIES + 3 * len(held) + 1
    assert ranges == [(first + 1, first + 3_999) for first in range(0, 20_000, 4_000)]
    assert acknowledged[-1] == 19_999
    assert sorted(let_go + acknowledged) == [*range(20_000)]
    assert window.below_resume_mark(PARTITION)


@given(st.lists(st.integers(0, 1), min_size=1, max_size=400))
def test_what_became_part_of_a_later_batch_is_let_go_and_the_later_one_acknowledged(held_or_not: list[int]) -> None:
    let_go: list[int] = []
    window = window_of(UNLIMITED, let_go)
    head = window.take(PARTITION, -1, records(0, 1))
    taken = [window.take(PARTITION, number, records(number + 1, 1)) for number in range(len(held_or_not))]
    for each, is_held in zip(taken, held_or_not, strict=True):
        if not is_held:
            assert finish_first(window, each) == []

    acknowledged = finish_first(window, head)
    for each, is_held in zip(taken, held_or_not, strict=True):
        if is_held:
            acknowledged += finish_first(window, each)

    assert acknowledged == sorted(acknowledged)
    assert acknowledged[-1] == len(held_or_not) - 1
    assert sorted(acknowledged + let_go) == [*range(-1, len(held_or_not))]
    assert all(batch not in let_go for batch, is_held in enumerate(held_or_not) if is_held)
