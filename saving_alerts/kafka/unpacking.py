r"""Makes records of a fetch, for every consumer of this process, whatever others have written.

aiokafka decompresses a whole batch before it returns its first record, however large it becomes, and raises for a batch
that it cannot read: the batch becomes visible to nobody, and every worker that gets the partition fails in the same way
(docs/adr/0017-batches-are-unpacked-up-to-a-limit.md). Here a batch is unpacked up to a limit. If that fails, one record
whose value is `RefusedBytes` stands for all its offsets. In names of headers, what is not UTF-8 is escaped (`\xff`).
"""

import logging
import threading
import weakref
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException

from saving_alerts.kafka.batch_reader import MAX_HEADERS, MAX_RECORD_BYTES
from saving_alerts.kafka.fetched_batch import FetchedBatch, RefusedBatchError, Unpacked, frames_of
from saving_alerts.kafka.refused import RefusedBytes, refused_record
from saving_alerts.kafka.searching import Sought
from saving_alerts.kafka.unpacking_limit import PROCESS_LIMIT, UnpackingLimit

log = logging.getLogger(__name__)

CHECKSUM_FETCHES = 3  # in all: a wrong checksum may be the network's fault
MAX_POLL_BYTES = 2 * 1024 * 1024  # of a partition at a time, and one record more; the rest waits as it was fetched
# What Python takes for a record, and for each of its headers, beside their bytes.
RECORD_BYTES = 256
HEADER_BYTES = 128


class FetchedBatches(fetcher.MemoryRecords):  # type: ignore[misc]
    """aiokafka's bytes of one partition in a fetch; `data` is kept, because it is unpacked here."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data = data


class _LargeBatch(threading.local):
    """Which partition has a large batch unpacked: one in each thread, whatever the number of partitions."""

    owner: "weakref.ref[UnpackedRecords] | None" = None


class UnpackedRecords(fetcher.PartitionRecords):  # type: ignore[misc]
    """In place of aiokafka's: the records of one partition in a fetch, each offset once and in order. Nothing is raised
    for what was fetched, but MemoryError.
    """

    limit: ClassVar[UnpackingLimit] = PROCESS_LIMIT
    _large: ClassVar[_LargeBatch] = _LargeBatch()
    _damaged: ClassVar[dict[TopicPartition, tuple[int, int]]] = {}  # at which offset, and how often it was fetched
    _tp: TopicPartition
    next_fetch_offset: int

    def _unpack_records(self) -> Iterator[ConsumerRecord]:
        if self._sought and (behind := self._sought.offset_behind(self._records.data)) is not None:
            self.next_fetch_offset = max(self.next_fetch_offset, behind)
            return
        for frame in frames_of(self._records.data):
            try:
                batch = FetchedBatch(frame)
            except RefusedBatchError as error:
                yield self._refused(frame, self.next_fetch_offset, self.next_fetch_offset, error)
                return  # the fetch goes on at the next offset: nobody knows how many more are in these bytes
            if not batch.is_intact and self._is_to_be_fetched_again():
                return
            last = batch.offsets_from(self.next_fetch_offset)[1]
            if not (batch.is_intact and self._is_passed_over(batch)):
                yield from self._records_of(batch)
            self.next_fetch_offset = max(self.next_fetch_offset, last + 1)
            if not batch.has_believed_offsets:
                return

    @property
    def _sought(self) -> Sought | None:
        """What this consumer searches for, if it does: then what certainly has none of it is passed over."""
        given = self._key_deserializer
        return given if isinstance(given, Sought) else None

    def _is_to_be_fetched_again(self) -> bool:
        offset, fetches = self._damaged.get(self._tp, (-1, 0))
        fetches = fetches + 1 if offset == self.next_fetch_offset else 1
        self._damaged[self._tp] = self.next_fetch_offset, fetches
        return fetches < CHECKSUM_FETCHES

    def _is_passed_over(self, batch: FetchedBatch) -> bool:
        """As in aiokafka: records of aborted transactions, and what brokers write about transactions."""
        driver = batch.driver
        if self._isolation_level == fetcher.READ_COMMITTED and driver.producer_id is not None:
            self._consume_aborted_up_to(driver.base_offset)
            if driver.is_control_batch and batch.is_small_and_plain and self._contains_abort_marker(driver):
                self._aborted_producers.discard(driver.producer_id)
            if driver.is_transactional and driver.producer_id in self._aborted_producers:
                return True
        return bool(driver.is_control_batch)

    def _contains_abort_marker(self, driver: Any) -> bool:  # noqa: ANN401 - aiokafka's
        try:
            return bool(super()._contains_abort_marker(driver))
        except Exception as error:  # noqa: BLE001 - whatever it is, no broker wrote it
            log.error("%s: the end marker of a transaction cannot be read: %r", self._place, error)  # noqa: TRY400
            return False

    def _records_of(self, batch: FetchedBatch) -> Iterator[ConsumerRecord]:
        try:
            unpacked = batch.unpacked(self.limit.max_bytes)
            if self._sought and unpacked.plain is not None and not self._sought.is_in(unpacked.plain):
                return
            if unpacked.is_large:
                self._make_room()
            yield from self._consumer_records(unpacked, batch.offsets_from(self.next_fetch_offset)[1])
        except MemoryError:  # not the fault of the batch
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is: one batch must not stop the others
            first, last = batch.offsets_from(self.next_fetch_offset)
            if first <= last:
                yield self._refused(batch.data, first, last, error)

    def _consumer_records(self, unpacked: Unpacked, last: int) -> Iterator[ConsumerRecord]:
        try:
            yield from self._from_position_on(unpacked.records, last)
        except UnicodeDecodeError as error:
            log.warning(
                "%s, at or behind %s: the name of a header is not UTF-8: %s", self._place, self.next_fetch_offset, error
            )
            yield from self._from_position_on(unpacked.any_names(), last)

    def _from_position_on(self, records: Iterable[Any], last: int) -> Iterator[ConsumerRecord]:
        """Raises CorruptRecordException for a record outside the offsets of its batch, or out of order.

        Brokers do not check the offset of each record in a batch that is not compressed.
        """
        before = -1
        for record in records:
            if not before < record.offset <= last:
                raise CorruptRecordException(f"offset {record.offset} behind {before}, in a batch that ends at {last}")
            before = record.offset
            if record.offset >= self.next_fetch_offset:
                read = self._consumer_record(self._tp, record)
                self.next_fetch_offset = record.offset + 1
                yield read

    def _consumer_record(self, tp: TopicPartition, record: Any) -> ConsumerRecord:  # noqa: ANN401 - of any reader
        """As aiokafka's, in one go: half of what a fetched record costs is here."""
        key, value, headers = record.key, record.value, record.headers
        key_bytes, value_bytes = -1 if key is None else len(key), -1 if value is None else len(value)
        if value_bytes > MAX_RECORD_BYTES:
            problem = f"a record of {value_bytes} bytes, at most {MAX_RECORD_BYTES} are read"
            return refused_record(tp, record.offset, RefusedBytes(value, problem, record.offset))
        return ConsumerRecord(
            tp.topic,
            tp.partition,
            record.offset,
            record.timestamp,
            record.timestamp_type,
            self._key_deserializer(key) if self._key_deserializer else key,
            self._value_deserializer(value) if self._value_deserializer else value,
            record.checksum,
            key_bytes,
            value_bytes,
            tuple(headers) if headers and len(headers) <= MAX_HEADERS else (),
        )

    def _refused(self, data: memoryview, first: int, last: int, error: Exception) -> ConsumerRecord:
        problem = str(error) if isinstance(error, RefusedBatchError) else f"a batch that cannot be read: {error!r}"
        log.error("%s: offsets %s to %s are refused: %s", self._place, first, last, problem)
        self.next_fetch_offset = last + 1
        return refused_record(self._tp, first, RefusedBytes(data, problem, last))

    def _make_room(self) -> None:
        """Drop what another partition has left of its large batch; it is fetched again when its turn comes."""
        owner = self._large.owner() if self._large.owner else None
        if owner is not None and owner is not self:
            owner._records_iterator = iter(())  # noqa: SLF001 - of the same class
        self._large.owner = weakref.ref(self)

    @property
    def _place(self) -> str:
        return f"{self._tp.topic}-{self._tp.partition}"


class Polled(list[ConsumerRecord]):
    """What one poll brought of a partition, and about how many bytes of memory it takes."""

    size_bytes = 0


def size_of_poll(records: list[ConsumerRecord]) -> int | None:
    """About how many bytes they take, if they are one whole poll."""
    return records.size_bytes if isinstance(records, Polled) else None


class BoundedFetchResult(fetcher.FetchResult):  # type: ignore[misc]
    """aiokafka's, but a call of `getall` returns about MAX_POLL_BYTES at most."""

    _partition_records: UnpackedRecords | None

    def getall(self, max_records: int | None = None) -> list[ConsumerRecord]:
        if not self.check_assignment(self._topic_partition) or not self.has_more():
            return []
        taken, is_all = _poll(self._partition_records or (), max_records)
        self._update_position()
        if is_all:
            self._partition_records = None
        return taken


def _poll(records: Iterable[ConsumerRecord], max_records: int | None) -> tuple[Polled, bool]:
    """As many as one poll may bring, and whether these are all."""
    taken, size, is_all = Polled(), 0, True
    for record in records:
        taken.append(record)
        size += size_of(record)
        if size >= MAX_POLL_BYTES or len(taken) == max_records:
            is_all = False
            break
    taken.size_bytes = size
    return taken, is_all


def size_of(record: ConsumerRecord) -> int:
    """About how many bytes of memory a record takes."""
    key, value = record.key, record.value
    size = RECORD_BYTES + (len(key) if key else 0) + (len(value) if value else 0)
    for name, value in record.headers:
        size += HEADER_BYTES + len(name) + len(value or b"")
    return size


REPLACED = {"MemoryRecords": FetchedBatches, "PartitionRecords": UnpackedRecords, "FetchResult": BoundedFetchResult}


def unpack_for_aiokafka() -> None:
    """Patch aiokafka for all consumers of this process. Raises ImportError if this release has no such classes."""
    for name, replacement in REPLACED.items():
        if not hasattr(fetcher, name):
            raise ImportError(f"this release of aiokafka is not supported: fetcher.{name} not found")
        setattr(fetcher, name, replacement)
