"""What former owners had finished is passed over only if the records are those that they had."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.delivery.poison_pills.finished_before import Behind, FinishedBefore
from saving_alerts.delivery.poison_pills.finished_ranges import FinishedRanges

HERE = ("saving-alerts.validated", 3)
FIRST, MARK = 100, 7
NOTED = FinishedRanges(FIRST, MARK, (1, 49))  # 101 to 149
ROOM = 4_000


def known(first: int = FIRST, mark: int = MARK) -> FinishedBefore:
    before = FinishedBefore()
    before.delivered(HERE, first, mark)
    before.inherit(HERE, NOTED)
    return before


def test_what_was_finished_is_known_when_the_same_record_comes_first() -> None:
    before = known()
    before.delivered(HERE, FIRST + 1, 99)

    assert [offset for offset in range(90, 160) if before.has(HERE, offset)] == [*range(101, 150)]


@pytest.mark.parametrize(
    ("first", "mark"),
    [
        pytest.param(FIRST, MARK + 1, id="another record at this offset: the topic was made again"),
        pytest.param(FIRST + 1, MARK, id="the first one was deleted"),
        pytest.param(0, MARK, id="from the beginning"),
    ],
)
def test_nothing_is_known_where_another_record_comes_first(first: int, mark: int) -> None:
    before = known(first, mark)

    assert not any(before.has(HERE, offset) for offset in range(90, 160))
    assert before.noted(HERE, FIRST, Behind(first, mark, [(first + 1, first + 9)]), ROOM) == FinishedRanges(
        first, mark, (1, 9)
    )


def test_of_a_partition_that_was_made_again_or_assigned_anew_nothing_is_known() -> None:
    made_again, assigned_anew = known(), known()
    made_again.forget(HERE)
    assigned_anew.begin()

    assert not made_again.has(HERE, 120)
    assert not assigned_anew.has(HERE, 120)


def test_before_anything_is_taken_it_is_noted_again_and_not_beyond_its_beginning() -> None:
    before = FinishedBefore()
    before.inherit(HERE, NOTED)

    assert before.noted(HERE, FIRST, None, ROOM) == NOTED
    assert before.noted(HERE, FIRST + 1, None, ROOM) is None


@given(first=st.integers(FIRST, 160), ours=st.sets(st.integers(1, 60)))
def test_what_former_owners_had_finished_stays_noted_with_our_own(first: int, ours: set[int]) -> None:
    """Also what was delivered again and is not passed over yet: the partition may go before it is its turn."""
    finished = {first + behind for behind in ours}

    noted = known().noted(HERE, FIRST, Behind(first, 8, [(each, each) for each in finished]), ROOM)

    assert offsets_of(noted) == finished | {offset for offset in range(101, 150) if offset >= first}
    assert noted is None or (noted.first, noted.mark) == (first, 8)


def offsets_of(noted: FinishedRanges | None) -> set[int]:
    ranges = noted.ranges() if noted else ()
    return {offset for begins, ends in ranges for offset in range(begins, ends + 1)}
