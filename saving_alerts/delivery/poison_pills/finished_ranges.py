"""Which records behind a committed offset are finished, in few bytes. Pure.

It is written beside the offset while the first unfinished record holds the commit back, so that the next owner need not
do again what is done. Best effort: what is not named is delivered again, which is harmless. What is named must be
finished, and be a record of this very topic: a topic that was made again has other records at the same offsets.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from saving_alerts.delivery.in_flight import Range
from saving_alerts.domain.decoding import Offset

MARK_BYTES = 7  # so that it fits into the numbers of every reader
MAX_RUNS = 4096
"""No text that Kafka keeps by default has more numbers."""


class Marked(Protocol):
    """What is looked at of a record to know it again."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...


class FinishedRanges(msgspec.Struct, frozen=True, array_like=True):
    """From `first`, the first record that is delivered again, of which `mark` says that it is the same.

    `runs` are numbers of offsets, in turn: so many that are not known to be finished, so many that are.
    """

    first: Offset
    mark: Offset
    runs: Annotated[tuple[Offset, ...], Meta(max_length=MAX_RUNS)]

    @classmethod
    def fitting(cls, first: int, mark: int, ranges: Sequence[Range], room_bytes: int) -> "FinishedRanges | None":
        """With as many of these ranges as there is room for in JSON, the largest first. None where none fits."""
        by_size = sorted(ranges, key=lambda each: each[0] - each[1])
        fits, too_many = 0, min(len(by_size), MAX_RUNS // 2) + 1
        while too_many - fits > 1:
            middle = (fits + too_many) // 2
            if len(msgspec.json.encode(cls._of(first, mark, by_size[:middle]))) <= room_bytes:
                fits = middle
            else:
                too_many = middle
        return cls._of(first, mark, by_size[:fits]) if fits else None

    @classmethod
    def _of(cls, first: int, mark: int, ranges: Iterable[Range]) -> "FinishedRanges":
        runs, at = [], first
        for begins, ends in sorted(ranges):
            runs += [begins - at, ends + 1 - begins]
            at = ends + 1
        return cls(first, mark, tuple(runs))

    def ranges(self) -> Iterator[Range]:
        at = self.first
        for gap, length in zip(self.runs[::2], self.runs[1::2], strict=False):
            at += gap
            if length:
                yield at, at + length - 1
            at += length


def united(ranges: Iterable[Range]) -> list[Range]:
    """The same offsets in order, in as few ranges as there can be."""
    together: list[Range] = []
    for begins, ends in sorted(ranges):
        if together and begins <= together[-1][1] + 1:
            together[-1] = together[-1][0], max(ends, together[-1][1])
        else:
            together.append((begins, ends))
    return together


class FinishedOffsets:
    """Looks offsets up in ranges that are in order and do not touch what is not finished."""

    def __init__(self, ranges: Iterable[Range]) -> None:
        self.ranges = tuple(ranges)
        self._begins = [begins for begins, _ in self.ranges]

    def __contains__(self, offset: int) -> bool:
        at = bisect_right(self._begins, offset) - 1
        return at >= 0 and offset <= self.ranges[at][1]


def mark_of(record: Marked) -> int:
    """By it a record is known again, not by its offset alone: another topic of the same name has that, too."""
    key, value = record.key or b"", record.value or b""
    head = f"{record.offset}/{record.timestamp}/{len(key)}/".encode()
    return int.from_bytes(blake2b(head + key + value, digest_size=MARK_BYTES).digest(), "big")
