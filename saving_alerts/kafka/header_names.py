r"""Records with a header whose name is not UTF-8. Other clients can write them, and aiokafka cannot read them.

aiokafka raises while it unpacks the fetch, so the record becomes visible to nobody, and every worker that gets the
partition fails in the same way (docs/adr/0014-headers-with-any-name.md). So the rest of such a fetch is unpacked again,
with the bytes escaped in the name (`\xff`).
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
    """A bytearray whose `decode`, and that of its slices, never raises: it escapes what is not UTF-8."""

    def __getitem__(self, place: SupportsIndex | slice) -> Any:  # noqa: ANN401 - an int or a part
        found = super().__getitem__(place)
        return _AnyText(found) if isinstance(found, bytearray) else found

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)


class _AnyNames(_DefaultRecordBatchPy):  # type: ignore[misc] # final, but for type checkers only
    """aiokafka's batch in Python, on a buffer of `_AnyText`."""

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
    """aiokafka's bytes of one partition in a fetch; `data` is kept so that they can be unpacked again."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data = data


class UnpackedRecords(fetcher.PartitionRecords):  # type: ignore[misc]
    """aiokafka's unpacking of a fetch. On a UnicodeDecodeError it unpacks the rest with `_BatchesWithAnyNames`."""

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
        # From the first batch on, to find the aborted transactions again; aiokafka skips the records before
        # `next_fetch_offset`, which were given out already.
        self._records = _BatchesWithAnyNames(self._records.data)
        self._aborted_transactions, self._aborted_producers = aborted, set()
        yield from super()._unpack_records()


def read_any_header_name() -> None:
    """Patch aiokafka for all consumers of this process. Raises ImportError if this release has no such classes."""
    for name in ("MemoryRecords", "PartitionRecords"):
        if not hasattr(fetcher, name):
            raise ImportError(f"this release of aiokafka is not supported: fetcher.{name} not found")
    fetcher.MemoryRecords = FetchedBatches
    fetcher.PartitionRecords = UnpackedRecords
