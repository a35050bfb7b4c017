"""What is named as finished is finished, whatever there is room for; and what is read back cannot harm."""

import msgspec
import pytest
from aiokafka import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.delivery.in_flight import Range
from saving_alerts.delivery.poison_pills.finished_ranges import FinishedOffsets, FinishedRanges, mark_of

FIRST = 1_000
OFFSETS = 400


def ranges_of(offsets: set[int]) -> list[Range]:
    begins = sorted(offset for offset in offsets if offset - 1 not in offsets)
    ends = sorted(offset for offset in offsets if offset + 1 not in offsets)
    return list(zip(begins, ends, strict=True))


finished_offsets = st.sets(st.integers(FIRST, FIRST + OFFSETS))


@given(finished_offsets, st.integers(0, 2_000))
def test_whatever_there_is_room_for_only_finished_offsets_are_named(finished: set[int], room_bytes: int) -> None:
    ranges = ranges_of(finished)

    noted = FinishedRanges.fitting(FIRST, 7, ranges, room_bytes)

    named = list(noted.ranges()) if noted else []
    assert set(named) <= set(ranges)
    looked_up = FinishedOffsets(named)
    assert all(offset in finished for offset in range(FIRST - 5, FIRST + OFFSETS + 5) if offset in looked_up)
    assert noted is None or len(msgspec.json.encode(noted)) <= room_bytes


@given(finished_offsets)
def test_where_there_is_room_all_of_them_are_named(finished: set[int]) -> None:
    noted = FinishedRanges.fitting(FIRST, 7, ranges_of(finished), 10_000)

    named = FinishedOffsets(noted.ranges() if noted else ())
    assert {offset for offset in range(FIRST - 5, FIRST + OFFSETS + 5) if offset in named} == finished


def test_the_largest_come_first() -> None:
    ranges = [(1_010, 1_010), (1_020, 1_999), (3_000, 3_001)]
    room = len(msgspec.json.encode(FinishedRanges(FIRST, 7, (20, 980))))

    noted = FinishedRanges.fitting(FIRST, 7, ranges, room)

    assert noted is not None
    assert list(noted.ranges()) == [(1_020, 1_999)]


@given(st.lists(st.integers(0, 2**63 - 1), max_size=9).map(tuple))
def test_any_numbers_can_be_looked_up_in(runs: tuple[int, ...]) -> None:
    read = msgspec.json.decode(msgspec.json.encode(FinishedRanges(FIRST, 7, runs)), type=FinishedRanges)

    looked_up = FinishedOffsets(read.ranges())

    assert FIRST - 1 not in looked_up


def record(**other: object) -> ConsumerRecord:
    fields = {"offset": 5, "timestamp": 17, "key": b"u", "value": b"v", **other}
    return ConsumerRecord(
        "t", 0, fields["offset"], fields["timestamp"], 0, fields["key"], fields["value"], None, 0, 0, ()
    )


@pytest.mark.parametrize(
    "other",
    [{"offset": 6}, {"timestamp": 18}, {"key": b"w"}, {"key": None}, {"value": b""}, {"key": b"uv", "value": None}],
)
def test_another_record_has_another_mark(other: dict[str, object]) -> None:
    assert mark_of(record()) == mark_of(record())
    assert mark_of(record()) != mark_of(record(**other))
