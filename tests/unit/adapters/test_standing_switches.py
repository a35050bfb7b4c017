"""A switch that was turned on is on until its tombstone comes, whatever else is written; and all of it is bounded."""

from collections.abc import Sequence

import pytest
from aiokafka import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.adapters.last_records import MAX_STANDING
from saving_alerts.adapters.standing_switches import MAX_BYTES, MAX_SWITCHES, StandingSwitches
from saving_alerts.domain.kill_switches import UnreadableSwitch, name_of
from saving_alerts.domain.stopped_pushes import Stoppable, active_switch
from tests.support.fakes.clock import START

ON = b'{"scope":"all","id":"","reason":"r","by":"b","since":"2026-11-23T10:00:00Z"}'
OF_MERCHANT = ON.replace(b'"all","id":""', b'"merchant","id":"m-1"')
OF_RULE = ON.replace(b'"all","id":""', b'"rule","id":"r-1"')
OF_A_NEWER_RELEASE = ON.replace(b'"all","id":""', b'"country","id":"DE"')
SWITCHES = {b"all": ON, b"merchant:m-1": OF_MERCHANT, b"rule:r-1": OF_RULE}

Written = tuple[bytes | None, bytes | None]


def consumer_records(written: Sequence[Written], partition: int = 0) -> list[ConsumerRecord]:
    return [
        ConsumerRecord("k", partition, offset, 0, 0, key, value, None, -1, -1, ())
        for offset, (key, value) in enumerate(written)
    ]


def after(written: Sequence[Written], partition: int = 0) -> StandingSwitches:
    read = StandingSwitches()
    for record in consumer_records(written, partition):
        read.apply(record)
    return read


def is_stopped(read: StandingSwitches) -> bool:
    return active_switch(read.stopping, Stoppable("m-1", "r-1", "v-1"), START) is not None


keys = st.sampled_from([*SWITCHES, b"country:DE", b"\xff", b"", None]) | st.binary(max_size=8)
values = st.sampled_from([None, *SWITCHES.values(), OF_A_NEWER_RELEASE, b"\xff", b"["]) | st.binary(max_size=8)
records = st.lists(st.tuples(keys, values), max_size=12)


@given(records, st.sampled_from([*SWITCHES]), records)
def test_what_was_turned_on_is_on_until_its_tombstone(before: list[Written], key: bytes, behind: list[Written]) -> None:
    read = after([*before, (key, SWITCHES[key]), *behind])

    lifted = any(found == key and value is None for found, value in behind)
    assert is_stopped(read) or lifted
    assert lifted or key.decode() in {*read.stopping} or "all" in read.stopping


@given(records)
def test_what_compaction_leaves_says_the_same(written: list[Written]) -> None:
    last = {key or b"": (key, value) for key, value in written}

    assert after([*last.values()]).stopping.keys() == after(written).stopping.keys()


@given(records)
def test_tombstones_lift_everything_by_the_names_of_the_list(written: list[Written]) -> None:
    read = after(written)

    found = [read.key_of(switch.name) for switch in read.listed]

    assert None not in found
    assert after([*written, *((key, None) for key in found)]).listed == []


@given(records)
def test_everything_before_the_confirmed_offset_was_read(written: list[Written]) -> None:
    assert after(written).next_offset == len(written)
    assert after(written, partition=1).next_offset == 0


def test_what_cannot_be_read_is_listed_first() -> None:
    read = after([(b"all", ON), (b"rule:r-1", b"?"), (b"merchant:m-1", OF_MERCHANT)])

    assert [switch.name for switch in read.listed] == ["rule:r-1", "all", "merchant:m-1"]


def test_more_switches_than_anybody_can_look_through_stop_everything() -> None:
    written: list[Written] = [(b"merchant:%d" % number, b"?") for number in range(MAX_SWITCHES + 1)]
    read = after(written)

    assert len(read.by_key) == MAX_SWITCHES
    assert is_stopped(read)
    assert "Lift some of those" in str(read.listed[0])
    assert not read.is_outdated
    assert after([*written, (b"merchant:1", None)]).is_outdated


@given(records)
def test_what_had_room_only_later_is_read_once_more(written: list[Written]) -> None:
    """The second look keeps what the topic would hold after its compaction, whatever passed."""
    last = {key or b"": value for key, value in written}
    first = after(written)

    second = StandingSwitches()
    for record in filter(first.counts_at_the_end, consumer_records(written)):
        second.apply(record)

    assert second.by_key.keys() == {key for key, value in last.items() if value is not None}
    assert second.stopping.keys() == first.stopping.keys()


def test_what_is_written_meanwhile_counts_at_the_second_look() -> None:
    first = after([(b"all", ON)])

    (_, behind) = consumer_records([(b"all", ON), (b"rule:r-1", OF_RULE)])

    assert first.counts_at_the_end(behind)


@pytest.mark.parametrize("lifted", [0, 500, 600])
def test_it_is_judged_by_what_stands_and_not_by_what_passed(lifted: int) -> None:
    written: list[Written] = [(b"%d" % number, b"?") for number in range(MAX_SWITCHES + 500)]
    read = after([*written, *((b"%d" % number, None) for number in range(lifted))])

    assert read.is_outdated == (lifted >= 500)
    assert is_stopped(read)


def test_a_switch_that_grew_too_large_has_no_room_until_it_shrinks() -> None:
    size = 1024 * 1024
    written: list[Written] = [(b"%d" % number + b"x" * size, b"?") for number in range(MAX_BYTES // size - 1)]
    grown = (b"y" * (size - 200), b"?" * 16 * 1024)

    assert after([*written, grown]).rest
    assert after([*written, grown, (grown[0], None)]).rest is None


def test_who_loses_count_looks_again_and_again_but_stops_everything() -> None:
    read = after([(b"%d" % number, b"?") for number in range(MAX_STANDING + 1)])

    assert len(read.by_key) == MAX_SWITCHES
    assert (read.is_outdated, read.can_tell_what_stands) == (True, False)
    assert "once Kafka has compacted the topic" in str(read.listed[0])
    assert is_stopped(read)


def test_long_keys_do_not_fill_the_memory() -> None:
    size = 1024 * 1024
    read = after([(b"%d" % number + b"x" * size, b"?") for number in range(2 * MAX_BYTES // size)])

    assert len(read.by_key) < MAX_BYTES // size
    assert is_stopped(read)
    assert all(isinstance(switch, UnreadableSwitch) and len(str(switch)) < 1_000 for switch in read.listed)


def test_a_key_is_found_by_its_name() -> None:
    read = after([(b"\xff", b"?")])

    assert read.key_of(name_of(b"\xff")) == b"\xff"
    assert read.key_of("all") is None
