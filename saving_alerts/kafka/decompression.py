"""Decompresses what Kafka's clients compress, as aiokafka does, but never into more than a limit.

aiokafka decompresses a batch at once: 200 KB of gzip can become 200 MiB, and with its copies three times that.
"""

import zlib
from collections.abc import Callable, Iterator
from typing import Any

import cramjam

GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4
NAMES = {GZIP: "gzip", SNAPPY: "snappy", LZ4: "lz4", ZSTD: "zstd"}

CHUNK_BYTES = 256 * 1024  # decompressed at a time; so much may be held beyond the limit
# lz4 and zstd do not say how large they become: the first buffer is so many times as large as the input, and each next
# one so many times as large as the one before.
USUAL_RATIO = 8

_GZIP_FORMAT = 16 + zlib.MAX_WBITS
_XERIAL_MAGIC = b"\x82SNAPPY\x00"
_XERIAL_HEADER_BYTES = 16
_NO_ROOM = "failed to write whole buffer"


# The errors of zlib and cramjam, and ours for cut bytes → CannotDecompressError.
_FOREIGN_ERRORS: tuple[type[Exception], ...] = (zlib.error, cramjam.DecompressionError, EOFError, ValueError)


class CannotDecompressError(Exception):
    """The bytes are not what the codec writes, or are cut."""


class TooMuchError(Exception):
    """The bytes become more than the limit."""


def decompress(codec: int, data: memoryview, limit: int, into: bytearray) -> None:
    """Append the decompressed `data` to `into`, at most `limit` bytes. Raises CannotDecompressError or TooMuchError."""
    decompressor = _DECOMPRESSORS.get(codec)
    if decompressor is None:
        raise CannotDecompressError(f"there is no compression number {codec}")
    try:
        decompressor(data, limit, into)
    except _FOREIGN_ERRORS as error:
        raise CannotDecompressError(f"{NAMES[codec]}: {error}") from error


def _gzip(data: memoryview, limit: int, into: bytearray) -> None:
    """Any number of members, as in a gzip file; zeros may follow."""
    left = limit
    while data:
        member = zlib.decompressobj(_GZIP_FORMAT)
        for chunk in _inflated(member, data):
            left -= len(chunk)
            if left < 0:
                raise TooMuchError
            into += chunk
        data = memoryview(member.unused_data.lstrip(b"\0"))


def _inflated(member: Any, data: memoryview) -> Iterator[bytes]:  # noqa: ANN401 - zlib does not name its type
    """The member in chunks. Raises EOFError if it is cut."""
    for start in range(0, len(data), CHUNK_BYTES):
        rest = data[start : start + CHUNK_BYTES]
        while rest and not member.eof:
            yield member.decompress(rest, CHUNK_BYTES)
            rest = member.unconsumed_tail
        if member.eof:
            return
    raise EOFError("it ends too early")


def _snappy(data: memoryview, limit: int, into: bytearray) -> None:
    """Each block says its decompressed length; if that is wrong, cramjam raises."""
    left = limit
    for block in _snappy_blocks(data):
        left -= cramjam.snappy.decompress_raw_len(block)
        if left < 0:
            raise TooMuchError
        into += memoryview(cramjam.snappy.decompress_raw(block))


def _snappy_blocks(data: memoryview) -> Iterator[bytes]:
    """The Java client writes a header, then blocks with their lengths; others write a single block."""
    if len(data) <= _XERIAL_HEADER_BYTES or data[: len(_XERIAL_MAGIC)] != _XERIAL_MAGIC:
        yield bytes(data)
        return
    place = _XERIAL_HEADER_BYTES
    while place < len(data):
        begin = place + 4
        end = begin + int.from_bytes(data[place:begin], signed=True)
        if not begin <= end <= len(data):
            raise ValueError("a block is longer than what is there")
        yield bytes(data[begin:end])
        place = end


def _by(codec: Any) -> Callable[[memoryview, int, bytearray], None]:  # noqa: ANN401 - one of cramjam's modules
    def decompressed(data: memoryview, limit: int, into: bytearray) -> None:
        begin, room = len(into), min(limit, max(CHUNK_BYTES, USUAL_RATIO * len(data)))
        while True:
            into += bytes(room)
            try:
                with memoryview(into)[begin:] as free:
                    written = codec.decompress_into(data, free)
            except cramjam.DecompressionError as error:
                if _NO_ROOM not in str(error):
                    raise
                del into[begin:]
                if room >= limit:
                    raise TooMuchError from error
                room = min(limit, room * USUAL_RATIO)
            else:
                del into[begin + written :]
                return

    return decompressed


_DECOMPRESSORS: dict[int, Callable[[memoryview, int, bytearray], None]] = {
    GZIP: _gzip,
    SNAPPY: _snappy,
    LZ4: _by(cramjam.lz4),
    ZSTD: _by(cramjam.zstd),
}
