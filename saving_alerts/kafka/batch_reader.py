"""Reads the records of a batch one by one, with any bytes as names of headers.

It is several times slower than aiokafka's reader, which unpacks all at once and reads only names in UTF-8.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from aiokafka.errors import CorruptRecordException
from aiokafka.record.util import decode_varint

from saving_alerts.kafka.refused import RefusedBytes

BATCH_HEADER = struct.Struct(">qiibIhiqqqhii")
ATTRIBUTES_PLACE = 21
LOG_APPEND_TIME = 0x08

# An event has at most 64 KiB, and brokers take no record of ours with more than 1 MiB.
MAX_RECORD_BYTES = 1024 * 1024
# In Python so many names and values take thirty times their bytes. A stage reads four of them.
MAX_HEADERS = 1000


class BatchRecord(NamedTuple):
    """As aiokafka's."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    checksum: None = None


def records_of(batch: memoryview) -> Iterator[BatchRecord]:
    """From a batch of Kafka's format 2, not compressed. Raises CorruptRecordException where a record cannot be read."""
    count = BATCH_HEADER.unpack_from(batch)[-1]
    place = BATCH_HEADER.size
    for _ in range(count):
        try:
            length, begin = decode_varint(batch, place)
            place = begin + length
            if not begin < place <= len(batch):
                raise CorruptRecordException(f"a record of {length} bytes, with {len(batch) - begin} bytes left")
            yield _Cursor(batch[:place], begin).record(batch)
        except (ValueError, IndexError) as error:
            raise CorruptRecordException(f"a record cannot be read: {error!r}") from error
    if place != len(batch):
        raise CorruptRecordException(f"{len(batch) - place} bytes behind the last record")


class _Cursor:
    """Reads one record from its bytes on."""

    def __init__(self, bytes_to_its_end: memoryview, begin: int) -> None:
        self._bytes = bytes_to_its_end
        self._place = self._begin = begin

    def record(self, batch: memoryview) -> BatchRecord:
        fields = BATCH_HEADER.unpack_from(batch)
        base, attributes, first_timestamp, max_timestamp = fields[0], fields[5], fields[7], fields[8]
        self._place += 1  # attributes, of which there are none
        timestamp, offset = first_timestamp + self._number(), base + self._number()
        logged = bool(attributes & LOG_APPEND_TIME)
        key, value = self._part(), self._part()
        size = len(self._bytes) - self._begin
        if size > MAX_RECORD_BYTES:
            problem = f"a record of {size} bytes, at most {MAX_RECORD_BYTES} are read"
            return BatchRecord(offset, timestamp, int(logged), None, RefusedBytes(value or b"", problem, offset), [])
        read = None if key is None else bytes(key), None if value is None else bytes(value)
        return BatchRecord(offset, max_timestamp if logged else timestamp, int(logged), *read, self._headers())

    def _headers(self) -> list[tuple[str, bytes | None]]:
        """Empty if there are more than MAX_HEADERS."""
        count = self._number()
        if count < 0:
            raise ValueError(f"{count} headers")
        if count > MAX_HEADERS:
            return []
        headers = [self._header() for _ in range(count)]
        if self._place != len(self._bytes):
            raise ValueError(f"{len(self._bytes) - self._place} bytes behind the headers")
        return headers

    def _header(self) -> tuple[str, bytes | None]:
        name, value = self._part(), self._part()
        if name is None:
            raise ValueError("a header without a name")
        return str(name, errors="backslashreplace"), None if value is None else bytes(value)

    def _part(self) -> memoryview | None:
        """The bytes behind their length; None for a negative length. Raises ValueError if they are cut."""
        length = self._number()
        if length < 0:
            return None
        begin, self._place = self._place, self._place + length
        if self._place > len(self._bytes):
            raise ValueError(f"{length} bytes, with {len(self._bytes) - begin} bytes left")
        return self._bytes[begin : self._place]

    def _number(self) -> int:
        number, self._place = decode_varint(self._bytes, self._place)
        return int(number)
