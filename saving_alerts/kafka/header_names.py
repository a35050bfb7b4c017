r"""Records whose headers have names that are no text. Other clients write them, Java reads them, aiokafka does not.

aiokafka raises while it unpacks the fetch: nobody gets to see the record, and whoever has the partition next fails the
same way. So the rest of such a fetch is unpacked again, with names that stand for the bytes (`\xff`).
"""

import logging
from collections.abc import Iterator
from typing import Any, SupportsIndex, cast

from aiokafka import ConsumerRecord
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy

log = logging.getLogger(__name__)


class _AnyText(bytearray):
    """Bytes that can always be decoded, and so can every part of them."""

    def __getitem__(self, place: SupportsIndex | slice) -> Any:  # noqa: ANN401 - an int or a part
        found = super().__getitem__(place)
        return _AnyText(found) if isinstance(found, bytearray) else found

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)


class _AnyNames(_DefaultRecordBatchPy):  # type: ignore[misc] # final, but for type checkers only
    """A batch with any bytes as names of headers."""

    _buffer: bytearray

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer = _AnyText(self._buffer)


class _BatchesWithAnyNames(_MemoryRecordsPy):  # type: ignore[misc]
    def next_batch(self) -> Any:  # noqa: ANN401 - aiokafka's, of either format
        part = self._next_slice
        batch = super().next_batch()
        return _AnyNames(cast("memoryview", part)) if isinstance(batch, DefaultRecordBatch) else batch


class FetchedBatches(fetcher.MemoryRecords):  # type: ignore[misc]
    """What a fetch brought of a partition, kept so that it can be unpacked again."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data = data


class UnpackedRecords(fetcher.PartitionRecords):  # type: ignore[misc]
    """aiokafka's, and what it gives up on is read all the same."""

    _records: Any
    _aborted_transactions: list[tuple[int, int]]
    _aborted_producers: set[int]

    def _unpack_records(self) -> Iterator[ConsumerRecord]:
        aborted = list(self._aborted_transactions)
        try:
            yield from super()._unpack_records()
        except UnicodeDecodeError as error:
            place = f"{self._tp.topic}-{self._tp.partition}"
            log.warning(
                "%s, at or behind %s: the name of a header is no text: %s", place, self.next_fetch_offset, error
            )
        else:
            return
        # From the first batch on, to see again which transactions were aborted; what was given out is passed over.
        self._records = _BatchesWithAnyNames(self._records.data)
        self._aborted_transactions, self._aborted_producers = aborted, set()
        yield from super()._unpack_records()


def read_any_header_name() -> None:
    """Teach all consumers of this process. Raises ImportError for an aiokafka that unpacks in another way."""
    for name in ("MemoryRecords", "PartitionRecords"):
        if not hasattr(fetcher, name):
            raise ImportError(f"this release of aiokafka is not supported: fetcher.{name} not found")
    fetcher.MemoryRecords = FetchedBatches
    fetcher.PartitionRecords = UnpackedRecords
