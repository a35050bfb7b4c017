"""Headers may have any bytes as names: every record behind them is read all the same, once and in order."""

import struct
from collections.abc import Iterable

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher

from saving_alerts.kafka.unpacking import FetchedBatches, UnpackedRecords, unpack_for_aiokafka
from tests.support.foreign_batches import NO_UTF_8, HeaderBytes, append, new_batch

GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4
EVENTS = TopicPartition("saving-events", 3)
ABORTED, COMMITTED = 11, 12
ODD = ((NO_UTF_8, b"any"),)
PLAIN = ((b"traceparent", b"00-1"),)


def batch(base: int, headers: Iterable[tuple[HeaderBytes, ...]], compression: int = 0, producer: int = -1) -> bytes:
    """Records with these headers at `base` and behind; those of a producer are in a transaction."""
    builder = new_batch(compression=compression, producer_id=producer, transactional=producer >= 0)
    for offset, each in enumerate(headers):
        append(builder, offset, f"{base + offset}".encode(), each)
    return struct.pack(">q", base) + bytes(builder.build())[8:]


def unpacked(
    *batches: bytes, aborted: tuple[tuple[int, int], ...] = (), first: int = 0
) -> list[tuple[int, tuple[tuple[str, bytes | None], ...]]]:
    """The offsets and headers that come out of a fetch from `first` on."""
    records = UnpackedRecords(
        EVENTS, FetchedBatches(b"".join(batches)), list(aborted), first, None, None, True, fetcher.READ_COMMITTED
    )
    return [(record.offset, record.headers) for record in records]


def test_the_name_says_its_bytes_and_the_value_is_kept() -> None:
    assert unpacked(batch(0, [((b"id\xff\xfe", b"\xfe"), (b"caf\xc3\xa9", None))])) == [
        (0, (("id\\xff\\xfe", b"\xfe"), ("café", None)))
    ]


@pytest.mark.parametrize("compression", [0, GZIP, SNAPPY, LZ4, ZSTD])
def test_every_record_comes_once_and_in_order(compression: int) -> None:
    batches = [batch(0, [PLAIN, ODD, PLAIN], compression), batch(3, [PLAIN, ODD, ODD], compression)]

    assert [offset for offset, _ in unpacked(*batches)] == [0, 1, 2, 3, 4, 5]


def test_it_begins_where_the_fetch_did() -> None:
    assert [offset for offset, _ in unpacked(batch(0, [PLAIN, ODD, PLAIN]), first=1)] == [1, 2]


def test_what_was_aborted_is_not_read() -> None:
    batches = [
        batch(0, [PLAIN], producer=ABORTED),
        batch(1, [ODD], producer=COMMITTED),
        batch(2, [PLAIN], producer=ABORTED),
    ]

    assert [offset for offset, _ in unpacked(*batches, aborted=((ABORTED, 0),))] == [1]


def test_the_drivers_own_records_would_stop_there() -> None:
    unpack_for_aiokafka()

    assert fetcher.PartitionRecords is UnpackedRecords
    assert fetcher.MemoryRecords is FetchedBatches
    with pytest.raises(UnicodeDecodeError):
        list(UnpackedRecords.__base__(EVENTS, FetchedBatches(batch(0, [ODD])), [], 0, None, None, True, 0))
