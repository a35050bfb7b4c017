"""Where the last record of every key is that stands on a compacted topic: little for each, for many keys."""

import hashlib
from typing import NamedTuple

from aiokafka import ConsumerRecord

from saving_alerts.kafka.refused import last_offset_of

# Ten times as many as can be kept: about 30 MB. Who has more than so many on at once waits for the compaction.
MAX_STANDING = 100_000
DIGEST_BYTES = 16  # of a key, which may be as long as a record


class Place(NamedTuple):
    """Where a record is, and how many bytes it takes to keep."""

    partition: int
    last_offset: int
    size: int


class LastRecords:
    """Of every key whose last record has a value. It loses count (`is_complete`) beyond MAX_STANDING keys at once.

    `bytes` is what it takes to keep all of them.
    """

    def __init__(self) -> None:
        self.bytes = 0
        self.is_complete = True
        self._places: dict[bytes, Place] = {}

    def __len__(self) -> int:
        return len(self._places)

    def put(self, record: ConsumerRecord, size: int) -> None:
        """The record is the last one of its key now."""
        self.lift(record.key)
        if len(self._places) >= MAX_STANDING:
            self.is_complete = False
        else:
            self._places[_digest(record.key)] = Place(record.partition, last_offset_of(record), size)
            self.bytes += size

    def lift(self, key: bytes | None) -> None:
        place = self._places.pop(_digest(key), None)
        self.bytes -= place.size if place else 0

    def has(self, record: ConsumerRecord) -> bool:
        """Whether it is the last one of its key, or one behind it."""
        place = self._places.get(_digest(record.key))
        return place is not None and place.partition == record.partition and place.last_offset <= last_offset_of(record)


def _digest(key: bytes | None) -> bytes:
    return hashlib.blake2b(key or b"", digest_size=DIGEST_BYTES).digest()
