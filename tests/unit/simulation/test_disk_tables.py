"""A table on disk is a dict of bytes, and says what to do when the disk is full."""

import resource
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.simulation.disk_tables import TemporarySpaceError, disk_tables

keys = st.binary(max_size=3)


@given(st.lists(st.tuples(keys, st.binary(max_size=3) | st.none()), max_size=30))
def test_it_holds_what_a_dict_holds(steps: list[tuple[bytes, bytes | None]]) -> None:
    expected: dict[bytes, bytes] = {}
    with disk_tables() as tables:
        table = tables("a table")
        for key, value in steps:
            if value is None:
                assert table.pop(key, None) == expected.pop(key, None)
            else:
                table[key] = expected[key] = value
            assert (key in table) == (key in expected)
        assert dict(table) == expected
        assert len(table) == len(expected)


def test_each_table_is_one_of_its_own_and_all_are_gone_at_the_end() -> None:
    with disk_tables() as tables:
        tables("one")[b"key"] = b"value"
        assert b"key" not in tables("another")
    with disk_tables() as tables:
        assert b"key" not in tables("one")


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def fill(table: MutableMapping[bytes, bytes]) -> None:
    for number in range(1_000):
        table[b"%d" % number] = bytes(1_000)


def test_a_full_disk_says_what_to_do() -> None:
    with (
        largest_file(64 * 1024),
        pytest.raises(TemporarySpaceError, match="set TMPDIR to a directory that has some"),
        disk_tables(16 * 1024) as tables,
    ):
        fill(tables("a table"))


def test_what_fits_into_the_cache_needs_no_disk() -> None:
    with largest_file(0), disk_tables() as tables:
        fill(tables("a table"))
