"""A search passes over what certainly does not have the bytes, and never over what may."""

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.kafka.searching import Sought, sought_by_key
from saving_alerts.kafka.unpacking import FetchedBatches, UnpackedRecords

TP = TopicPartition("decisions", 0)


def batch(base: int, *keys: bytes, compression: int = 0) -> bytes:
    builder = DefaultRecordBatchBuilder(2, compression, 0, -1, -1, -1, 1 << 20)
    for offset, key in enumerate(keys):
        assert builder.append(offset, 1_700_000_000_000, key, b'{"user_id":"%s"}' % key, []) is not None
    built = bytearray(builder.build())
    built[:8] = base.to_bytes(8)
    return bytes(built)


def found(fetched: bytes, sought: Sought | None, start: int = 0) -> tuple[list[tuple[int, bytes]], int]:
    """Offset and key of each record that comes out, and where the next fetch begins."""
    records = UnpackedRecords(TP, FetchedBatches(fetched), [], start, sought, None, True, fetcher.READ_COMMITTED)
    keys = [(record.offset, record.key) for record in records]
    return keys, records.next_fetch_offset


def test_a_fetch_without_the_key_is_passed_over_whole() -> None:
    fetched = batch(0, b"u-1", b"u-2") + batch(2, b"u-3")

    assert found(fetched, sought_by_key(b"u-9")) == ([], 3)
    assert sought_by_key(b"u-9").offset_behind(fetched) == 3


def test_only_batches_with_the_key_are_unpacked() -> None:
    fetched = batch(0, b"u-1", b"u-2") + batch(2, b"u-9", b"u-3") + batch(4, b"u-4")

    assert found(fetched, sought_by_key(b"u-9")) == ([(2, b"u-9"), (3, b"u-3")], 5)


def test_a_key_that_begins_another_one_is_not_found_in_it() -> None:
    assert found(batch(0, b"u-42", b"u-421"), sought_by_key(b"u-4")) == ([], 2)


@pytest.mark.parametrize("compression", [1, 2, 3, 4])
def test_what_is_compressed_is_looked_into(compression: int) -> None:
    fetched = batch(0, *[b"u-1"] * 50, compression=compression) + batch(
        50, b"u-9", *[b"u-1"] * 50, compression=compression
    )

    assert sought_by_key(b"u-9").offset_behind(fetched) is None
    keys, behind = found(fetched, sought_by_key(b"u-9"))
    assert (keys[0], behind) == ((50, b"u-9"), 101)
    assert len(keys) == 51


def test_a_cut_batch_is_fetched_again() -> None:
    fetched = batch(0, b"u-1") + batch(1, b"u-2")[:-3]

    assert found(fetched, sought_by_key(b"u-9")) == ([], 1)


def test_a_header_that_contradicts_itself_is_looked_at_closer() -> None:
    broken = bytearray(batch(0, b"u-1", b"u-2"))
    broken[23:27] = (10**9).to_bytes(4)  # the last offset's delta

    assert sought_by_key(b"u-9").offset_behind(bytes(broken)) is None


wanted_keys = st.sampled_from([b"u-1", b"x" * 200])
keys = st.lists(st.sampled_from([b"u-1", b"u-2", b"u-12", b"", b"x" * 200, b"x" * 64]), min_size=1, max_size=4)


@given(
    st.lists(st.tuples(keys, st.sampled_from([0, 1, 4])), min_size=1, max_size=5), st.sampled_from([b"u-1", b"x" * 200])
)
def test_a_search_finds_what_a_reading_finds(batches: list[tuple[list[bytes], int]], wanted: bytes) -> None:
    fetched, base = b"", 0
    for each, compression in batches:
        fetched += batch(base, *each, compression=compression)
        base += len(each)

    searched, behind = found(fetched, sought_by_key(wanted))
    read, behind_all = found(fetched, None)

    assert [each for each in searched if each[1] == wanted] == [each for each in read if each[1] == wanted]
    assert behind == behind_all == base


@given(st.binary(max_size=400))
def test_whatever_bytes_a_broker_sends_it_never_raises(fetched: bytes) -> None:
    sought_by_key(b"u-1").offset_behind(fetched)
