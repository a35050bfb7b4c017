"""Batches as clients write them that allow more than aiokafka does."""

from typing import Self

from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

NO_UTF_8 = b"\xff\xfe"

HeaderBytes = tuple[bytes, bytes | None]


class _Name(str):
    """A header name that becomes other bytes on the wire."""

    __slots__ = ("on_the_wire",)
    on_the_wire: bytes

    def __new__(cls, on_the_wire: bytes) -> Self:
        name = super().__new__(cls, on_the_wire.hex())
        name.on_the_wire = on_the_wire
        return name

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return self.on_the_wire


def new_batch(
    *,
    compression: int = _DefaultRecordBatchBuilderPy.CODEC_NONE,
    producer_id: int = -1,
    transactional: bool = False,
) -> _DefaultRecordBatchBuilderPy:
    """An empty batch of up to a megabyte, to `append` to."""
    return _DefaultRecordBatchBuilderPy(2, compression, int(transactional), producer_id, 0, 0, 1024 * 1024)


def append(
    batch: _DefaultRecordBatchBuilderPy,
    offset: int,
    value: bytes | None,
    headers: tuple[HeaderBytes, ...] = (),
    key: bytes | None = None,
    timestamp: int = 1,
) -> None:
    """Add a record, whose header names are any bytes; `offset` counts from the batch's own."""
    batch.append(offset, timestamp, key, value, [(_Name(name), text) for name, text in headers])
