"""Batches byte by byte, as large as one likes: what no client of ours writes, and some of what no broker takes."""

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import cramjam
from aiokafka import AIOKafkaProducer
from aiokafka.record.legacy_records import _LegacyRecordBatchBuilderPy
from aiokafka.record.util import calc_crc32c

PLAIN, GZIP, SNAPPY, LZ4, ZSTD = range(5)
CODECS = (PLAIN, GZIP, SNAPPY, LZ4, ZSTD)
MEBIBYTE = 1024 * 1024

_HEADER = struct.Struct(">qiibIhiqqqhii")
_CHECKED_FROM = 21
_CRC_PLACE = 17
_XERIAL = b"\x82SNAPPY\x00" + bytes([0, 0, 0, 1, 0, 0, 0, 1])


def varint(number: int) -> bytes:
    """Zigzag, as Kafka writes numbers in records."""
    left, written = (number << 1) ^ (number >> 63), bytearray()
    while left > 0x7F:
        written.append(0x80 | left & 0x7F)
        left >>= 7
    return bytes([*written, left])


def record(offset: int, value: bytes | int | None, headers: bytes = varint(0)) -> Iterator[bytes]:
    """One record, in pieces; `value` as a number: so many zeros. `headers` are on the wire."""
    length = -1 if value is None else value if isinstance(value, int) else len(value)
    head = b"\0" + varint(0) + varint(offset) + varint(-1) + varint(length)
    yield varint(len(head) + max(length, 0) + len(headers)) + head
    if isinstance(value, int):
        yield from zeros(value)
    else:
        yield value or b""
    yield headers


def zeros(count: int) -> Iterator[bytes]:
    for _ in range(count // MEBIBYTE):
        yield bytes(MEBIBYTE)
    yield bytes(count % MEBIBYTE)


def batch(
    records: Sequence[bytes | int | None],
    codec: int = PLAIN,
    base: int = 0,
    *,
    last_delta: int | None = None,
    count: int | None = None,
) -> bytes:
    """A batch of Kafka's format 2 with these values from `base` on; zeros in it are never all in memory at a time."""
    pieces = (piece for offset, value in enumerate(records) for piece in record(offset, value))
    return framed(compressed(pieces, codec), codec, len(records), base, last_delta=last_delta, count=count)


def framed(
    body: bytes, codec: int, records: int, base: int = 0, *, last_delta: int | None = None, count: int | None = None
) -> bytes:
    """With the header and its checksum, around a body as it stands."""
    last = records - 1 if last_delta is None else last_delta
    number = records if count is None else count
    header = bytearray(_HEADER.pack(base, 49 + len(body), 0, 2, 0, codec, last, 1, 1, -1, -1, -1, number))
    checksum = calc_crc32c(bytes(header[_CHECKED_FROM:]) + body)
    struct.pack_into(">I", header, _CRC_PLACE, checksum)
    return bytes(header) + body


def compressed(pieces: Iterable[bytes], codec: int) -> bytes:
    return _COMPRESSORS[codec](pieces)


def _gzip(pieces: Iterable[bytes]) -> bytes:
    compressor = zlib.compressobj(wbits=31)
    return b"".join([*map(compressor.compress, pieces), compressor.flush()])


def _snappy(pieces: Iterable[bytes]) -> bytes:
    """In blocks, as Java writes them."""
    blocks = (bytes(cramjam.snappy.compress_raw(piece)) for piece in pieces if piece)
    return _XERIAL + b"".join(struct.pack(">i", len(block)) + block for block in blocks)


def _cramjam(compressor: Callable[[], Any]) -> Callable[[Iterable[bytes]], bytes]:
    def compress(pieces: Iterable[bytes]) -> bytes:
        one = compressor()
        for piece in pieces:
            one.compress(piece)
        return bytes(one.finish())

    return compress


_COMPRESSORS: dict[int, Callable[[Iterable[bytes]], bytes]] = {
    PLAIN: b"".join,
    GZIP: _gzip,
    SNAPPY: _snappy,
    LZ4: _cramjam(lambda: cramjam.lz4.Compressor(level=1, content_checksum=False, block_linked=False)),
    ZSTD: _cramjam(lambda: cramjam.zstd.Compressor(level=1)),
}


def legacy(values: Sequence[bytes], codec: int, last: int, magic: int = 1) -> bytes:
    """Of the formats before 2: compressed, known by the `last` of its offsets."""
    builder = _LegacyRecordBatchBuilderPy(magic, codec, 64 * MEBIBYTE)
    for offset, value in enumerate(values):
        builder.append(offset if magic else last - len(values) + 1 + offset, 1, None, value)
    built = bytes(builder.build())
    return struct.pack(">q", last) + built[8:]


async def write_batch(servers: str, topic: str, data: bytes, records: int, partition: int = 0) -> tuple[int, int]:
    """Write the bytes as they are. The partition and the offset of the first of so many records."""
    async with AIOKafkaProducer(bootstrap_servers=servers, max_request_size=64 * MEBIBYTE) as producer:
        builder = producer.create_batch()
        builder.close()
        builder._buffer, builder._relative_offset = data, records
        written = await (await producer.send_batch(builder, topic, partition=partition))
    return written.partition, written.offset
