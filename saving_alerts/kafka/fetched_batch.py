"""A record batch as it came in a fetch, in any of Kafka's formats, and how it is unpacked up to a limit."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.legacy_records import LegacyRecordBatch

from saving_alerts.kafka.batch_reader import ATTRIBUTES_PLACE, BATCH_HEADER, records_of
from saving_alerts.kafka.decompression import NAMES, CannotDecompressError, TooMuchError, decompress

# Unpacked, a batch of at most this size costs little, even if every partition has one.
SMALL_BYTES = 1024 * 1024

_FRAME_HEADER_BYTES = 12
_FORMAT_PLACE = 16
_CODEC_MASK = 0x07
# The least that aiokafka's readers look at, by format.
_HEADER_BYTES = {0: 26, 1: 34, 2: BATCH_HEADER.size}
_LEGACY_ATTRIBUTES_PLACE = 17
_LEGACY_KEY_PLACE = {0: 18, 1: 26}
_SIZE_BYTES = 4


class RefusedBatchError(Exception):
    """The batch is not unpacked. The text says why, for an operator."""


def frames_of(fetched: bytes) -> Iterator[memoryview]:
    """Each batch of a fetch. The last one is often cut; then it is left out."""
    place, view = 0, memoryview(fetched)
    while len(fetched) - place >= _FRAME_HEADER_BYTES:
        length = int.from_bytes(fetched[place + 8 : place + _FRAME_HEADER_BYTES], signed=True)
        # With a negative one nobody knows where the next batch begins.
        end = place + _FRAME_HEADER_BYTES + length if length >= 0 else len(fetched)
        if end > len(fetched):
            return
        yield view[place:end]
        place = end


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The records of a batch, unpacked one by one. `any_names` is another look at them, as of `batch_reader`.

    `plain` are its bytes without compression; None for a batch of an older format.
    """

    records: Iterable[Any]
    any_names: Callable[[], Iterable[Any]]
    is_large: bool
    plain: memoryview | None = None


class FetchedBatch:
    """Raises RefusedBatchError for bytes without a header of a known format, or whose sizes lead beyond the batch."""

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.format = data[_FORMAT_PLACE] if len(data) > _FORMAT_PLACE else -1
        if len(data) < _HEADER_BYTES.get(self.format, len(data) + 1):
            raise RefusedBatchError(f"{len(data)} bytes are no batch of format 0, 1 or 2")
        self._is_legacy = self.format < max(_HEADER_BYTES)
        self.driver = _driver_of(data, self.format, is_legacy=self._is_legacy)
        self.is_intact = bool(self.driver.validate_crc())

    def offsets_from(self, position: int) -> tuple[int, int]:
        """The first and the last offset of the batch at or behind `position`, which is the next one to read.

        They are those of the header: brokers assign offsets themselves, and take no batch of format 2 whose number of
        records is not its number of offsets. If the checksum is wrong and these two differ, the header may be what is
        broken; then it is one offset. A batch of an older format has only its last offset in the header.
        """
        last = self.driver.next_offset - 1
        first = position if self._is_legacy else max(self.driver.base_offset, position)
        return first, last if self.has_believed_offsets else first

    @property
    def has_believed_offsets(self) -> bool:
        if self._is_legacy or self.is_intact:
            return self.is_intact
        fields = BATCH_HEADER.unpack_from(self.data)
        last_delta, records = fields[6], fields[-1]
        return bool(1 <= records == last_delta + 1)

    @property
    def is_small_and_plain(self) -> bool:
        return not self._codec and len(self.data) <= SMALL_BYTES

    def unpacked(self, limit: int) -> Unpacked:
        """Raises RefusedBatchError if the records have more than `limit` bytes, or cannot be decompressed."""
        if not self.is_intact:
            raise RefusedBatchError("the checksum of the batch is wrong")
        try:
            return self._legacy(limit) if self._is_legacy else self._default(limit)
        except CannotDecompressError as error:
            raise RefusedBatchError(f"a batch that cannot be decompressed: {error}") from error
        except TooMuchError as error:
            problem = f"a batch compressed with {NAMES[self._codec]} that has more than {limit} bytes"
            raise RefusedBatchError(problem) from error

    @property
    def _codec(self) -> int:
        place = _LEGACY_ATTRIBUTES_PLACE if self._is_legacy else ATTRIBUTES_PLACE + 1
        return self.data[place] & _CODEC_MASK

    def _default(self, limit: int) -> Unpacked:
        """With a header that says it is not compressed, in front of the decompressed records, aiokafka reads them."""
        if not self._codec:
            _refuse_above(limit, len(self.data) - BATCH_HEADER.size)
            return _read(self.data)
        plain = bytearray(self.data[: BATCH_HEADER.size])
        plain[ATTRIBUTES_PLACE + 1] &= ~_CODEC_MASK
        decompress(self._codec, self.data[BATCH_HEADER.size :], limit, plain)
        return _read(memoryview(plain))

    def _legacy(self, limit: int) -> Unpacked:
        """Decompressed twice, here to find its size: such batches are rare."""
        _refuse_above(limit, len(self.data))
        plain = bytearray()
        if self._codec:
            decompress(self._codec, self._legacy_value(), limit, plain)
        return Unpacked(self.driver, partial(iter, self.driver), max(len(self.data), len(plain)) > SMALL_BYTES)

    def _legacy_value(self) -> memoryview:
        key_bytes, place = self._size_at(_LEGACY_KEY_PLACE[self.format])
        value_bytes, place = self._size_at(place + max(key_bytes, 0))
        if value_bytes < 0 or place + value_bytes > len(self.data):
            raise CorruptRecordException(f"a compressed batch of {value_bytes} bytes, with {len(self.data)} bytes left")
        return self.data[place : place + value_bytes]

    def _size_at(self, place: int) -> tuple[int, int]:
        end = place + _SIZE_BYTES
        return int.from_bytes(self.data[place:end], signed=True), end


def _driver_of(data: memoryview, batch_format: int, *, is_legacy: bool) -> Any:  # noqa: ANN401 - aiokafka's
    """Aiokafka follows the sizes in a batch of an older format at once, and raises SystemError for a negative one."""
    try:
        return LegacyRecordBatch(data, batch_format) if is_legacy else DefaultRecordBatch(data)
    except MemoryError:  # not the fault of the batch
        raise
    except Exception as error:
        raise RefusedBatchError(f"a batch that cannot be read: {error!r}") from error


def _refuse_above(limit: int, size: int) -> None:
    if size > limit:
        raise RefusedBatchError(f"a batch of {size} bytes, at most {limit} are read")


def _read(plain: memoryview) -> Unpacked:
    is_large = len(plain) > SMALL_BYTES
    any_names = partial(records_of, plain)
    return Unpacked(any_names() if is_large else DefaultRecordBatch(plain), any_names, is_large, plain)
