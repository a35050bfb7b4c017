"""An opt-out holds until a later opt-in of upstream's, whoever writes what in between, and whatever cannot be read."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.consent import (
    EVERYONE,
    LAST_MILLISECOND,
    REMEMBERED_OPT_INS,
    Change,
    OptOuts,
    Origin,
    is_opt_in,
    is_users,
    problem_of,
)

AMONG, MOST = 12, 1_000
USER = b"u-1"

Record = tuple[bytes, bytes | None, bytes | None]  # key, value and origin, as they stand on our topic


def opt_outs(most: int = MOST) -> OptOuts:
    return OptOuts(AMONG, most)


def at(offset: int, written_ms: int = 0, partition: int = 0, among: int = AMONG) -> bytes:
    return Origin(partition, offset, written_ms or offset, among).written


def has_opted_out(known: OptOuts, user: bytes = USER) -> bool:
    return known.reason_against(user) is not None


def read(*records: Record) -> OptOuts:
    known = opt_outs()
    for record in records:
        known.apply(*record)
    return known


# What upstream writes.


@pytest.mark.parametrize(
    ("value", "opts_in"),
    [
        (b'{"schema": 1, "push": {"consent": true}}', True),
        (b'{"schema": 1, "push": {"consent": true, "by": "app"}, "channel": "settings"}', True),
        (b'{"schema": 1, "push": {"consent": false}}', False),
        (b'{"schema": 2, "push": {"consent": true}}', False),
        (b'{"schema": 1, "push": {"consent": "true"}}', False),
        (b'{"push": {"consent": true}}', False),
        (b"\xff", False),
        (b"", False),
        (None, False),
        (b'{"schema": 1, "push": {"consent": true}' + b" " * 20_000 + b"}", False),
    ],
)
def test_only_a_readable_yes_opts_in(value: bytes | None, opts_in: bool) -> None:  # noqa: FBT001 - a parameter
    assert is_opt_in(value) is opts_in


def test_what_cannot_be_read_says_why() -> None:
    assert problem_of(b'{"schema": 1, "push": {"consent": false}}') is None
    assert problem_of(b'{"schema": 2, "push": {"consent": false}}') == "Invalid enum value 2 - at `$.schema`"
    assert problem_of(None) == "there is no value"


@pytest.mark.parametrize(
    ("key", "users"),
    [(b"u-1", True), ("ü".encode() * 128, True), (b"u" * 129, False), (b"", False), (None, False), (b"\xff", False)],
)
def test_a_key_that_can_be_no_users_id_is_nobodys(key: bytes | None, users: bool) -> None:  # noqa: FBT001 - a parameter
    assert is_users(key) is users


@given(st.binary(max_size=100))
def test_whatever_stands_in_the_header_an_origin_is_read_or_refused(raw: bytes) -> None:
    origin = Origin.read(raw)

    assert origin is None or Origin.read(origin.written) == origin


@given(st.integers(0), st.integers(0), st.integers(0, LAST_MILLISECOND), st.integers(1))
def test_an_origin_is_read_as_it_was_written(partition: int, offset: int, written_ms: int, among: int) -> None:
    origin = Origin(partition % 2**31, offset % 2**63, written_ms, among % 2**31)

    assert Origin.read(origin.written) == origin


# One user's records, one after the other.


def test_an_opt_out_holds_until_an_opt_in() -> None:
    known = read((USER, b"", at(1)))
    assert known.reason_against(USER) == "opted out at 1970-01-01 00:00:00 by 0/1"

    known.apply(USER, None, at(2))
    assert known.reason_against(USER) is None
    assert len(known) == 0


def test_a_record_that_nobody_of_us_wrote_counts_as_an_opt_out_of_its_key() -> None:
    known = read((USER, b'{"push": true}', None))

    assert known.reason_against(USER) == (
        'opted out by a record of nobody knows where, which cannot be read: {"push": true}'
    )
    assert not has_opted_out(known, b"u-2")


def test_what_may_be_anybodys_opt_out_is_everybodys_until_it_is_lifted() -> None:
    known = read((EVERYONE, b"saving-consent 3/7: refused", None))
    assert known.reason_against(USER) == "saving-consent 3/7: refused. `saving-alerts consent lift` lifts it"

    known.apply(EVERYONE, None, None)
    assert known.reason_against(USER) is None


BY_OFFSET = (at(4), at(5))
BY_TIME = (at(900, 100, partition=1), at(3, 200, partition=2))
CLOCKS_THAT_DIFFER = (at(5, 100), at(6, 99))
MADE_ANEW = (at(900, 100), at(3, 200))


@pytest.mark.parametrize(("earlier", "later"), [BY_OFFSET, BY_TIME, CLOCKS_THAT_DIFFER, MADE_ANEW])
def test_the_later_change_counts(earlier: bytes, later: bytes) -> None:
    assert not has_opted_out(read((USER, b"", earlier), (USER, None, later)))
    assert has_opted_out(read((USER, None, earlier), (USER, b"", later)))


@pytest.mark.parametrize(("earlier", "later"), [BY_OFFSET, BY_TIME])
def test_the_later_change_counts_where_the_earlier_comes_after_it(earlier: bytes, later: bytes) -> None:
    opted_in = read((USER, None, later), (USER, b"", earlier))
    opted_out = read((USER, b"", later), (USER, None, earlier))

    assert not has_opted_out(opted_in)
    assert has_opted_out(opted_out)
    assert [change.origin for known in (opted_in, opted_out) for change in known.overwritten()] == [later, later]


def test_of_two_changes_at_one_time_the_opt_out_counts() -> None:
    out, opted_in = (USER, b"", at(1, 100, partition=1)), (USER, None, at(2, 100, partition=2))

    assert has_opted_out(read(out, opted_in))
    assert has_opted_out(read(opted_in, out))


def test_what_was_written_again_is_not_written_once_more() -> None:
    known = read((USER, b"", at(5)), (USER, None, at(4)))
    (again,) = known.overwritten()
    known.apply(again.key, b"", again.origin)

    assert (again.problem, known.overwritten()) == ("", [])
    assert has_opted_out(known)


def test_what_was_written_again_by_somebody_else_is_not_written_by_us() -> None:
    known = read((USER, b"", at(5)), (USER, None, at(4)), (USER, b"", at(5)))

    assert known.overwritten() == []


def test_what_was_placed_among_fewer_partitions_belongs_elsewhere() -> None:
    known = read((USER, b"", at(5, among=6)), (b"u-2", b"", at(6, among=6)), (b"u-2", None, at(6)))

    assert not has_opted_out(known)
    assert [change.key for change in known.take_misplaced()] == [USER]
    assert known.take_misplaced() == []


@given(st.lists(st.tuples(st.sampled_from([b"u-1", b"u-2"]), st.sampled_from([b"", None]), st.integers(0, 9))))
def test_what_is_new_here_counts_as_if_it_were_compared(changes: list[tuple[bytes, bytes | None, int]]) -> None:
    records: list[Record] = [(key, value, at(offset)) for key, value, offset in changes]
    compared = opt_outs()
    for key, value, origin in records:
        compared._apply(Change(key, origin or b"", None if value is None else ""))

    known = read(*records)

    assert known._origins == compared._origins
    assert (known.overwritten(), known.take_misplaced()) == (compared.overwritten(), compared.take_misplaced())


# Bounds.


def test_what_is_no_origin_is_not_kept() -> None:
    known = read((USER, b"", b"x" * 1_000), (b"u-2", b"", b"y" * 1_000 + b"/12"))

    assert set(known._origins.values()) == {b""}


def test_more_opt_outs_than_have_room_are_everybodys() -> None:
    known = opt_outs(most=2)
    for number in range(3):
        known.apply(b"u-%d" % number, b"", at(number))

    assert len(known) == 2
    assert known.reason_against(b"u-9") == (
        "more than 2 users have opted out: raise SAVING_ALERTS_CONSENT_MAX_OPT_OUTS"
    )


def test_what_had_no_room_is_not_lifted_by_the_command() -> None:
    known = opt_outs(most=1)
    for key in (b"u-1", b"u-2"):
        known.apply(key, b"", at(1))
    known.apply(EVERYONE, None, None)

    assert has_opted_out(known, b"u-2")


def test_opt_ins_are_remembered_up_to_a_bound() -> None:
    known = opt_outs()
    for number in range(REMEMBERED_OPT_INS + 1):
        known.apply(b"u-%d" % number, None, at(number + 10))
    known.apply(b"u-0", b"", at(1))
    known.apply(b"u-1", b"", at(1))

    assert has_opted_out(known, b"u-0")
    assert not has_opted_out(known, b"u-1")


@given(st.lists(st.tuples(st.binary(max_size=5), st.none() | st.binary(max_size=9), st.none() | st.binary(max_size=9))))
def test_whatever_stands_there_it_is_read(records: list[Record]) -> None:
    known = read(*records)

    for change in [*known.overwritten(), *known.take_misplaced()]:
        assert is_users(change.key)
    known.reason_against(USER)


# Two workers write, one of them has slept.

CHANGES = st.lists(st.tuples(st.sampled_from([b"u-1", b"u-2", b"u-3"]), st.booleans(), st.integers(0, 3)), min_size=1)


@given(CHANGES, st.data())
def test_a_worker_that_slept_and_wakes_changes_nothing(
    changes: list[tuple[bytes, bool, int]], data: st.DataObject
) -> None:
    upstream = upstream_of(changes)
    slept_at = data.draw(st.integers(0, len(upstream)))
    goes_on_at = data.draw(st.integers(0, slept_at))
    log = interleaved(upstream[:slept_at], upstream[goes_on_at:], data)

    followed = following(log)
    anew = following(compacted(log))

    wanted = {key: value is not None for key, value, _ in upstream}
    for known in (followed, anew):
        assert {key: has_opted_out(known, key) for key in wanted} == wanted


def upstream_of(changes: list[tuple[bytes, bool, int]]) -> list[Record]:
    """One partition of upstream, as it is written to our topic."""
    times = accumulate(wait for _, _, wait in changes)
    return [
        (key, None if opts_in else b"", at(offset, 1_000 + time))
        for offset, ((key, opts_in, _), time) in enumerate(zip(changes, times, strict=True))
    ]


def interleaved(first: list[Record], second: list[Record], data: st.DataObject) -> list[Record]:
    """Both in their order."""
    left, merged = [list(first), list(second)], []
    while left[0] and left[1]:
        merged.append(left[data.draw(st.integers(0, 1))].pop(0))
    return [*merged, *left[0], *left[1]]


def following(log: list[Record]) -> OptOuts:
    """Reads it, and writes behind it what has to be written again."""
    known = read(*log)
    for change in known.overwritten():
        log.append((change.key, None if change.problem is None else change.problem.encode(), change.origin))
        known.apply(*log[-1])
    return known


def compacted(log: list[Record]) -> list[Record]:
    """The last record of each key."""
    return [*{record[0]: record for record in log}.values()]
