"""Whatever stands beside a commit: it is a memo of ours, or none; never an error."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.delivery.poison_pills.commit_metadata import MAX_DEATHS, MAX_MEMO_BYTES, MAX_SKIPPED, PartitionMemo

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
)


@given(memos)
def test_our_own_comes_back(memo: PartitionMemo) -> None:
    assert PartitionMemo.read(memo.text()) == memo


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
