"""Record batches that become too large or are broken: they cost little memory, and what is behind them is read."""

import hashlib
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import ClassVar

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import example, given
from hypothesis import strategies as st

from saving_alerts.kafka.batch_reader import MAX_HEADERS, MAX_RECORD_BYTES
from saving_alerts.kafka.refused import KEPT_BYTES, RefusedBytes, last_offset_of
from saving_alerts.kafka.unpacking import CHECKSUM_FETCHES, FetchedBatches, UnpackedRecords
from saving_alerts.kafka.unpacking_limit import UnpackingLimit
from tests.support.batch_bytes import (
    CODECS,
    GZIP,
    LZ4,
    MEBIBYTE,
    PLAIN,
    SNAPPY,
    ZSTD,
    batch,
    compressed,
    framed,
    legacy,
    record,
    varint,
)

PARTITION = TopicPartition("saving-events", 3)
COMPRESSED = [codec for codec in CODECS if codec != PLAIN]
LIMIT = 2 * MEBIBYTE
LARGE_MEBIBYTES = 200
# Beside the limit: the window of zstd, the buffers of the decompressors, and the measuring itself.
MARGIN_MEBIBYTES = 24


class Limited(UnpackedRecords):
    """With a small limit of its own."""

    limit = UnpackingLimit(LIMIT)
    _damaged: ClassVar[dict[TopicPartition, tuple[int, int]]] = {}


def fetched(*batches: bytes, first: int = 0) -> Limited:
    return Limited(PARTITION, FetchedBatches(b"".join(batches)), [], first, None, None, True, fetcher.READ_COMMITTED)


def by_aiokafka(*batches: bytes) -> list[ConsumerRecord]:
    records = MemoryRecords(b"".join(batches))
    return list(UnpackedRecords.__base__(PARTITION, records, [], 0, None, None, True, fetcher.READ_COMMITTED))


def spans(records: Limited) -> list[tuple[int, int, bool]]:
    """First and last offset of all that comes out, and whether it was refused."""
    return [(each.offset, last_offset_of(each), isinstance(each.value, RefusedBytes)) for each in records]


def body_bytes(values: list[bytes | int | None]) -> int:
    return sum(len(piece) for offset, value in enumerate(values) for piece in record(offset, value))


VALUES = st.lists(st.none() | st.binary(max_size=200) | st.integers(0, MAX_RECORD_BYTES - 100), min_size=1, max_size=6)


@given(values=VALUES, codec=st.sampled_from(CODECS), spare=st.integers(-3, 3))
def test_up_to_the_limit_it_is_what_aiokafka_reads_and_beyond_it_nothing(
    values: list[bytes | int | None], codec: int, spare: int
) -> None:
    class Exact(Limited):
        limit = UnpackingLimit(max(body_bytes(values) + spare, 1))

    data = batch(values, codec, base=7)
    records = list(Exact(PARTITION, FetchedBatches(data), [], 7, None, None, True, fetcher.READ_COMMITTED))

    if body_bytes(values) <= Exact.limit.max_bytes:
        assert records == by_aiokafka(data)
    else:
        (only,) = records
        assert isinstance(only.value, RefusedBytes)
        assert (only.offset, only.value.last_offset) == (7, 6 + len(values))
        assert only.value == data[:KEPT_BYTES]
        assert (only.value.whole_bytes, only.value.sha256) == (len(data), hashlib.sha256(data).hexdigest())


@pytest.mark.parametrize("codec", CODECS)
def test_what_is_around_it_is_read(codec: int) -> None:
    records = fetched(batch([b"a"], codec), batch([2 * LIMIT, b"b", b"c"], codec, base=1), batch([b"d"], codec, base=4))

    assert spans(records) == [(0, 0, False), (1, 3, True), (4, 4, False)]
    assert records.next_fetch_offset == 5


@pytest.mark.parametrize("codec", COMPRESSED)
def test_it_says_what_it_is(codec: int) -> None:
    (refused,) = fetched(batch([2 * LIMIT], codec))

    assert refused.value.problem.startswith("a batch compressed with ")
    assert refused.value.problem.endswith(f"that has more than {LIMIT} bytes")


def test_only_what_was_not_read_before_is_refused() -> None:
    assert spans(fetched(batch([2 * LIMIT, b"b", b"c"], GZIP, base=1), first=2)) == [(2, 3, True)]


@pytest.mark.parametrize("codec", COMPRESSED)
def test_it_costs_no_more_memory_than_the_limit(codec: int, tmp_path: Path) -> None:
    """Measured in a process of its own, whose peak has no other cause."""
    fetch = tmp_path / "fetch"
    fetch.write_bytes(batch([LARGE_MEBIBYTES * MEBIBYTE], codec))

    used = subprocess.run(
        [sys.executable, "-m", "tests.support.unpacking_cost", fetch], capture_output=True, text=True, check=True
    )

    assert int(used.stdout) <= 32 + MARGIN_MEBIBYTES


def test_of_many_partitions_one_has_a_large_batch_unpacked() -> None:
    """The others fetch theirs again when their turn comes: nothing is lost, and nothing comes twice."""
    data = batch([b"a", MEBIBYTE, b"b"], ZSTD)
    one, other = fetched(data), fetched(data)
    taken = [next(one), next(one), next(other)]

    assert list(one) == []
    assert [each.offset for each in (*taken, *other)] == [0, 1, 0, 1, 2]
    assert spans(fetched(data, first=one.next_fetch_offset)) == [(2, 2, False)]


@pytest.mark.parametrize("codec", CODECS)
def test_a_long_record_is_refused_alone(codec: int) -> None:
    long = MAX_RECORD_BYTES + 1
    refused = list(fetched(batch([b"a", long, b"c"], codec)))[1]

    assert spans(fetched(batch([b"a", long, b"c"], codec))) == [(0, 0, False), (1, 1, True), (2, 2, False)]
    assert refused.value == bytes(KEPT_BYTES)
    assert refused.value.whole_bytes == long


@pytest.mark.parametrize("around", [1, MEBIBYTE - 100], ids=["small", "large"])
def test_more_headers_than_anybody_reads_are_left_out(around: int) -> None:
    header = varint(1) + b"h" + varint(-1)
    many = varint(MAX_HEADERS + 1) + header * (MAX_HEADERS + 1)
    few = varint(2) + header + varint(2) + b"\xff\xfe" + varint(1) + b"v"
    pieces = [*record(0, b"a", many), *record(1, around), *record(2, b"c", few)]

    records = list(fetched(framed(compressed(pieces, LZ4), LZ4, 3)))

    assert [each.value and len(each.value) for each in records] == [1, around, 1]
    assert [each.headers for each in records] == [(), (), (("h", None), ("\\xff\\xfe", b"v"))]


def cut_short(codec: int) -> bytes:
    return framed(compressed(record(0, b"a" * 1000), codec)[:-5], codec, 3)


def with_other_body(codec: int) -> bytes:
    return framed(b"neither this nor that" * 9, codec, 3)


XERIAL_MAGIC = bytes.fromhex("82534e41505059000000000100000001")
BROKEN = {
    **{f"cut, codec {codec}": cut_short(codec) for codec in COMPRESSED},
    **{f"garbage, codec {codec}": with_other_body(codec) for codec in CODECS},
    **{f"nothing, codec {codec}": framed(b"", codec, 3) for codec in CODECS},
    "unknown codec 5": framed(b"".join(record(0, b"a")), 5, 3),
    "unknown codec 7": framed(b"".join(record(0, b"a")), 7, 3),
    "two members, the second cut": framed(compressed(record(0, b"a"), GZIP) * 2, GZIP, 3)[:-9] + bytes(9),
    "a block that goes back": framed(XERIAL_MAGIC + struct.pack(">i", -4), SNAPPY, 3),
    "a block beyond the end": framed(XERIAL_MAGIC + struct.pack(">i", 2**31 - 1) + b"a", SNAPPY, 3),
    "a record beyond the end": framed(varint(1000) + b"\0" * 20, PLAIN, 3),
    "a record of negative length": framed(varint(-3) + b"\0" * 20, PLAIN, 3),
    "a value beyond its record": framed(varint(6) + b"\0" + varint(0) * 2 + varint(-1) + varint(99) + b"\0", PLAIN, 3),
    "an endless number": framed(b"\xff" * 30, PLAIN, 3),
    "a negative number of headers": framed(b"".join(record(0, b"a", varint(-7))), PLAIN, 3),
    "an offset beyond the batch": framed(b"".join([*record(0, b"a"), *record(10**9, b"b")]), PLAIN, 3, count=2),
    "an offset twice": framed(b"".join([*record(0, b"a")] * 3), PLAIN, 3),
    "an offset before the batch": framed(b"".join(record(-1, b"a")), GZIP, 3, count=1),
    "records in no agreement": framed(b"".join(record(0, b"a")), PLAIN, 3, count=0),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_what_is_broken_is_refused_by_its_offsets(broken: bytes) -> None:
    damaged = struct.pack(">q", 1) + broken[8:]
    records = fetched(batch([b"a"]), damaged, batch([b"d"], base=4))
    came = []
    while records.next_fetch_offset < 5:  # what has a wrong checksum is fetched again
        came += spans(records)
        records = fetched(damaged, batch([b"d"], base=4), first=records.next_fetch_offset)

    refused = [offset for first, last, is_refused in came if is_refused for offset in range(first, last + 1)]
    assert [offset for first, last, _ in came for offset in range(first, last + 1)] == [0, 1, 2, 3, 4]
    assert set(refused) <= {1, 2, 3}
    assert 3 in refused


def read_to(end: int, *batches: bytes) -> list[int]:
    """The offsets that come out, in order, of as many fetches as are needed."""
    offsets: list[int] = []
    position, fetches = 0, 0
    while position < end:
        records = fetched(*batches, first=position)
        offsets += [offset for first, last, _ in spans(records) for offset in range(first, last + 1)]
        position, fetches = records.next_fetch_offset, fetches + 1
        assert fetches <= CHECKSUM_FETCHES * end
    return offsets


CHANGES = st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 255)), min_size=1, max_size=8)
SOME = [b"a" * 50, b"b" * 50, b"c"]


@given(codec=st.sampled_from(CODECS), changes=CHANGES)
def test_however_a_body_is_broken_every_offset_comes_out_once(codec: int, changes: list[tuple[int, int]]) -> None:
    body = bytearray(compressed((piece for each in enumerate(SOME) for piece in record(*each)), codec))
    for index, change in changes:
        body[index % len(body)] ^= change

    offsets = read_to(4, framed(bytes(body), codec, 3), batch([b"d"], base=3))

    assert offsets == sorted(set(offsets))
    assert offsets[-1] == 3


@example(changes=[(196, 2), (294, 128)])  # it looks like format 0, with a size beyond its end
@given(changes=CHANGES)
def test_however_a_batch_is_broken_on_its_way_every_offset_comes_out_once(changes: list[tuple[int, int]]) -> None:
    damaged = bytearray(batch(SOME, GZIP))
    for index, change in changes:
        behind_the_length = 12 + index % (len(damaged) - 12)
        damaged[behind_the_length] ^= change

    assert read_to(4, bytes(damaged), batch([b"d"], base=3)) == [0, 1, 2, 3]


def test_records_before_the_broken_one_are_read() -> None:
    data = framed(b"".join([*record(0, b"a"), *record(1, b"b"), varint(1000)]), PLAIN, 3)

    assert spans(fetched(data)) == [(0, 0, False), (1, 1, False), (2, 2, True)]


def test_the_same_in_a_large_batch() -> None:
    data = framed(b"".join([*record(0, b"a"), *record(1, MEBIBYTE - 100), varint(1000)]), PLAIN, 3)

    assert spans(fetched(data)) == [(0, 0, False), (1, 1, False), (2, 2, True)]


def test_a_wrong_checksum_is_fetched_again_before_it_is_refused() -> None:
    damaged = bytearray(batch([b"a", b"b"], base=20))
    damaged[-3] ^= 1
    came = [spans(fetched(bytes(damaged), batch([b"c"], base=22), first=20)) for _ in range(CHECKSUM_FETCHES)]

    assert came == [[], [], [(20, 21, True), (22, 22, False)]]


def test_a_header_that_is_broken_is_not_believed() -> None:
    """It says that there are two thousand million records: it is refused one offset at a time, up to the next batch."""
    damaged = bytearray(batch([b"a", b"b"], base=30))
    struct.pack_into(">i", damaged, 23, 2**31 - 1)

    position, refused = 30, []
    for _ in range(2 * CHECKSUM_FETCHES):
        records = fetched(bytes(damaged), batch([b"c"], base=32), first=position)
        refused += spans(records)
        position = records.next_fetch_offset

    assert refused == [(30, 30, True), (31, 31, True)]


@pytest.mark.parametrize(
    "data", [b"\0" * 8 + struct.pack(">i", 3) + b"abc", b"\0" * 8 + b"\xff" * 80], ids=["short", "length"]
)
def test_what_is_no_batch_at_all_is_refused_at_its_offset(data: bytes) -> None:
    records = fetched(data, batch([b"b"], base=41), first=40)

    assert spans(records) == [(40, 40, True)]
    assert records.next_fetch_offset == 41


@pytest.mark.parametrize("magic", [0, 1])
@pytest.mark.parametrize("codec", [GZIP, SNAPPY])
def test_the_old_formats_are_read_and_refused_alike(magic: int, codec: int) -> None:
    small = legacy([b"a", b"b"], codec, 1, magic)
    large = legacy([bytes(MEBIBYTE - 100)] * 3, codec, 4, magic)

    assert spans(fetched(small, large, batch([b"c"], base=5))) == [
        (0, 0, False),
        (1, 1, False),
        (2, 4, True),
        (5, 5, False),
    ]


def test_an_old_batch_that_is_broken_is_refused() -> None:
    broken = bytearray(legacy([b"a" * 100], LZ4, 0))
    broken[40:60] = bytes(20)
    struct.pack_into(">I", broken, 12, zlib.crc32(broken[16:]))

    assert spans(fetched(bytes(broken), batch([b"c"], base=1))) == [(0, 0, True), (1, 1, False)]
