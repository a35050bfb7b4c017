"""Whatever stands beside a commit: it is a memo of ours, or none; never an error."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.delivery.poison_pills.commit_metadata import (
    KEPT_BYTES,
    MAX_DEATHS,
    MAX_MEMO_BYTES,
    MAX_SKIPPED,
    PartitionMemo,
)
from saving_alerts.delivery.poison_pills.finished_ranges import MAX_RUNS, FinishedRanges

NO_MEMO = {
    "nothing": "",
    "no JSON": "aiokafka",
    "another type": "[]",
    "null": "null",
    "half a surrogate": '{"skip":[1],"x":"\ud800"}',
    "deep": '{"x":' + "[" * 50_000 + "]" * 50_000 + "}",
    "too long": '{"deaths":2,"x":"' + "x" * MAX_MEMO_BYTES + '"}',
    "a death less than none": '{"deaths":-1}',
    "more deaths than can be counted": '{"deaths":99999999999999999999}',
    "half a death": '{"deaths":1.5}',
    "deaths in words": '{"deaths":"many"}',
    "an offset before the first": '{"skip":[-1]}',
    "an offset behind the last": '{"in_hand":9223372036854775808}',
    "thousands of digits": '{"accused":' + "9" * 5_000 + "}",
    "thousands to skip": '{"skip":[' + ",".join(map(str, range(5_000))) + "]}",
    "what is to be skipped is no list": '{"skip":7}',
    "what is finished has no beginning": '{"finished":[[1,2]]}',
    "what is finished is negative": '{"finished":[5,1,[1,-2]]}',
    "thousands of finished ranges": '{"finished":[5,1,[' + ",".join(["1"] * (MAX_RUNS + 1)) + "]]}",
}


@pytest.mark.parametrize("text", NO_MEMO.values(), ids=NO_MEMO)
def test_somebody_elses_text_is_no_memo(text: str) -> None:
    assert PartitionMemo.read(text) == PartitionMemo()


offsets = st.integers(0, 2**63 - 1)
memos = st.builds(
    PartitionMemo,
    deaths=st.integers(0, MAX_DEATHS),
    trial=st.none() | offsets,
    suspect=st.none() | offsets,
    skip=st.lists(offsets, max_size=MAX_SKIPPED).map(tuple),
    finished=st.none()
    | st.builds(FinishedRanges, offsets, offsets, st.lists(st.integers(0, 10_000), max_size=60).map(tuple)),
)


@given(memos)
def test_our_own_comes_back(memo: PartitionMemo) -> None:
    assert PartitionMemo.read(memo.text()) == memo


def test_what_is_noted_of_deaths_comes_first_and_what_is_finished_gets_the_room_that_is_left() -> None:
    memo = PartitionMemo(deaths=7, trial=2**62, skip=tuple(2**62 + number for number in range(MAX_SKIPPED)))
    many = [(2**62 + number, 2**62 + number + 1) for number in range(0, 9_000, 3)]

    noted = memo.with_finished(FinishedRanges.fitting(2**62, 2**55, many, memo.room_bytes))

    assert KEPT_BYTES - 64 < len(noted.text()) <= KEPT_BYTES
    assert PartitionMemo.read(noted.text()) == noted
    assert noted.with_finished(None) == memo


def test_what_is_finished_gives_way_where_a_record_is_skipped_by_hand() -> None:
    memo = PartitionMemo()
    many = [(number, number + 1) for number in range(0, 9_000, 3)]
    full = memo.with_finished(FinishedRanges.fitting(0, 1, many, memo.room_bytes))

    skipped = full.with_skipped(2**62).with_skipped(2**62 + 1)

    assert PartitionMemo.read(skipped.text()) == PartitionMemo(skip=(2**62, 2**62 + 1))


class MemoOfRelease010(msgspec.Struct, frozen=True, kw_only=True, rename={"trial": "in_hand", "suspect": "accused"}):
    """As 0.1.0 reads it."""

    deaths: int = 0
    trial: int | None = None
    suspect: int | None = None
    skip: tuple[int, ...] = ()


@given(memos)
def test_release_0_1_0_reads_it_and_passes_over_what_is_finished(memo: PartitionMemo) -> None:
    read = msgspec.json.decode(memo.text() or "{}", type=MemoOfRelease010)

    assert (read.deaths, read.trial, read.suspect, read.skip) == (memo.deaths, memo.trial, memo.suspect, memo.skip)


@given(
    st.text()
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda odd: msgspec.json.encode(odd).decode())
)
def test_no_text_raises_anything_and_what_is_read_can_be_used(text: str) -> None:
    memo = PartitionMemo.read(text).with_new_owner().with_trial(7).with_new_owner().beyond(3)

    assert PartitionMemo.read(memo.text()) == memo


def test_after_every_step_it_can_be_read_again() -> None:
    memo = PartitionMemo(skip=tuple(range(MAX_SKIPPED)))
    for offset in (200, 200, 201, 201):
        memo = memo.with_trial(offset).with_new_owner()
        assert PartitionMemo.read(memo.text()) == memo
