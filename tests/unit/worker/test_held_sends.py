"""What a partition holds is what its changelog has, however its records come, and little of it."""

import gc
import sys
from dataclasses import dataclass, field

import pytest
from aiokafka import ConsumerRecord
from hypothesis import given, settings
from hypothesis import strategies as st

from saving_alerts.domain.push_sends import REMEMBERED, PushSend
from saving_alerts.kafka.push_send_rows import MICROSECOND, ROW_VALUE, SendRow
from saving_alerts.worker.held_sends import HeldSends
from saving_alerts.worker.hour_buckets import is_old
from saving_alerts.worker.packed_sends import Packing

HOUR = 3_600_000_000
NOW = 490_000 * HOUR
WEEK = REMEMBERED // MICROSECOND
MOST_BYTES = 250


def a_row(offset: int, sent_at: int = NOW, *, uncertain: bool = False) -> SendRow:
    return SendRow("saving-events", 3, offset, f"e-{offset}", "m-1", sent_at, uncertain)


def record(offset: int, user: bytes, row: SendRow, value: bytes | None = ROW_VALUE) -> ConsumerRecord:
    return ConsumerRecord("push-sends", 0, offset, 0, 0, row.key(user), value, None, 0, 0, ())


def new_partition() -> HeldSends:
    return HeldSends(Packing())


users = st.sampled_from([b"u-1", b"u-2", "ü".encode()])
rows = st.builds(
    SendRow,
    st.sampled_from(["t", "t" * 249]),
    st.sampled_from([0, 2**31 - 1]),
    st.sampled_from([0, 2**63 - 1]),
    st.text(max_size=3),
    st.sampled_from(["m-1", "m-2", "ü" * 300]),
    st.sampled_from([0, NOW - WEEK, NOW - WEEK + 1, NOW, NOW + WEEK - 1, NOW + WEEK, 2**53 - 1]),
    st.booleans(),
    st.booleans(),
)
changes = st.lists(st.tuples(users, rows, st.sampled_from([ROW_VALUE, None])), max_size=30)


@given(changes, st.integers(min_value=0, max_value=3))
@settings(deadline=None)
def test_it_holds_the_rows_of_the_changelog_in_their_order(
    written: list[tuple[bytes, SendRow, bytes | None]], numbered: int
) -> None:
    held, expected = HeldSends(Packing(numbered)), dict[tuple[bytes, SendRow], None]()
    for offset, (user, row, value) in enumerate(written):
        held.take([record(offset, user, row, value)], NOW)
        if value is None:
            expected.pop((user, row), None)
        else:
            expected.setdefault((user, row))

    for user in (b"u-1", b"u-2", "ü".encode()):
        assert list(held.of(user)) == [row.send for of_user, row in expected if of_user == user]
    assert len(held) == len({user for user, _ in expected})


@given(changes)
@settings(deadline=None)
def test_what_is_let_go_is_all_that_is_old_and_nothing_else(
    written: list[tuple[bytes, SendRow, bytes | None]],
) -> None:
    held, there = new_partition(), set[tuple[bytes, SendRow]]()
    for offset, (user, row, value) in enumerate(written):
        held.take([record(offset, user, row, value)], NOW)
        there.add((user, row)) if value else there.discard((user, row))

    later = NOW + HOUR
    gone = held.let_go(later, 1000)

    old = {(user, row) for user, row in there if is_old(row.sent_at, later)}
    sure = {(user, row) for user, row in there if is_old(row.sent_at, NOW - HOUR) and is_old(row.sent_at, later)}
    assert {row.key(user) for user, row in sure} <= set(gone) <= {row.key(user) for user, row in old}
    assert len(gone) == len(set(gone))
    left = [row.send for user, row in there if user == b"u-1" and row.key(user) not in gone]
    assert sorted(map(repr, held.of(b"u-1"))) == sorted(map(repr, left))


def test_a_turn_looks_at_so_many_users_and_no_more() -> None:
    held = new_partition()
    for number in range(25):
        held.add(b"u-%d" % number, a_row(number), NOW)

    turns = [len(held.let_go(NOW + WEEK + HOUR, 10)) for _ in range(4)]

    assert turns == [10, 10, 5, 0]
    assert len(held) == 0


def test_what_is_new_is_not_looked_at() -> None:
    held = new_partition()
    held.add(b"u-1", a_row(1), NOW)

    assert held.let_go(NOW + WEEK - 1, 10) == []


def test_it_is_complete_as_far_as_it_was_read_and_by_its_own_changes() -> None:
    held = new_partition()
    assert held.complete_to is None

    held.take([record(4, b"u-1", a_row(1)), record(7, b"u-1", a_row(2))], NOW)
    held.wrote(8)
    held.wrote(10)  # somebody else wrote 9: that is read again

    assert held.complete_to == 8


def test_what_is_read_again_changes_nothing() -> None:
    held = new_partition()
    some = [record(0, b"u-1", a_row(1)), record(1, b"u-1", a_row(2)), record(2, b"u-1", a_row(1), None)]
    held.take(some, NOW)

    held.take(some[:2], NOW)
    held.take(some[2:], NOW)

    assert list(held.of(b"u-1")) == [a_row(2).send]
    assert held.complete_to == 2


def test_a_record_without_a_key_moves_it_on_and_changes_nothing() -> None:
    held = new_partition()
    held.take([ConsumerRecord("push-sends", 0, 9, 0, 0, None, b"x", None, 0, 0, ())], NOW)

    assert held.complete_to == 9
    assert len(held) == 0


def test_a_standby_whose_owner_deletes_keeps_nothing_of_it() -> None:
    """It lets nothing go by itself: its buckets shrink as its users do."""
    held = new_partition()
    for number in range(20_000):
        user, row = b"u-%d" % number, a_row(number, NOW + number * HOUR // 100)
        held.take([record(2 * number, user, row)], NOW)
        held.take([record(2 * number + 1, user, row, None)], NOW)

    assert len(held) == 0
    assert held._buckets._users < 2_000


@dataclass
class Sized:
    """The bytes of everything that an object holds, each part once. Strings of numbers' tables are not per user."""

    seen: set[int] = field(default_factory=set)

    def of(self, thing: object) -> int:
        if id(thing) in self.seen or isinstance(thing, type):
            return 0
        self.seen.add(id(thing))
        size = sys.getsizeof(thing)
        if isinstance(thing, bytes):
            size = -(-size // 16) * 16  # as Python's allocator rounds
        parts = gc.get_referents(thing) if gc.is_tracked(thing) or isinstance(thing, dict) else ()
        return size + sum(map(self.of, parts))


@pytest.mark.parametrize("count", [30_000, 45_000, 60_000])
def test_a_user_with_one_send_takes_at_most_250_bytes(count: int) -> None:
    """User, event and merchant with 36 characters each, and none of them a UUID."""
    held = new_partition()
    for number in range(count):
        merchant, sent_at = f"m-{number % 500:034d}", NOW + number * 1_000_000
        row = SendRow("saving-events", number % 12, number * 7, f"e-{number:034d}", merchant, sent_at, uncertain=False)
        held.take([record(number, f"u-{number:034d}".encode(), row)], NOW)

    assert Sized().of([held._sends, held._buckets._buckets]) / count <= MOST_BYTES


def test_its_sends_are_those_that_were_recorded() -> None:
    held, row = new_partition(), a_row(1, uncertain=True)
    held.add(b"u-1", row, NOW)

    (send,) = held.of(b"u-1")

    assert isinstance(send, PushSend)
    assert SendRow.of(send) == row
