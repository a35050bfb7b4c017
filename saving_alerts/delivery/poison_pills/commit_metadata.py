"""What a consumer group remembers about a partition beside its committed offset. Pure.

Kafka keeps a short text with every committed offset. There the next owner of the partition finds how often its owners
died without finishing anything, which record was in hand at that moment, and which ones must not be tried again. So
the memory needs no other system, belongs to exactly this offset, and is gone with the first commit beyond it.
"""

from collections.abc import Iterable, Mapping
from typing import Self

import msgspec

# Kafka keeps 4,096 bytes of text with an offset by default.
MAX_SKIPPED = 100
SUSPICIOUS_DEATHS = 3


Position = tuple[str, int]


class TooManySkippedError(ValueError):
    """A partition remembers only so many records that are not to be tried."""


class PartitionMemo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`deaths`: owners that died at this offset. `skip`: offsets that become dead letters untried.

    `accused`: what was in hand at one death. That may be chance, a second time it is not.
    """

    deaths: int = 0
    in_hand: int | None = None
    accused: int | None = None
    skip: tuple[int, ...] = ()

    @classmethod
    def read(cls, text: str | None) -> Self:
        """From what Kafka kept. Somebody else's text is no note."""
        try:
            return msgspec.json.decode(text or "{}", type=cls)
        except msgspec.DecodeError:
            return cls()

    def text(self) -> str:
        return "" if self == PartitionMemo() else msgspec.json.encode(self).decode()

    @property
    def is_suspicious(self) -> bool:
        """So many owners before this one died at this offset: no accident, one of its records may kill the process."""
        return self.deaths > SUSPICIOUS_DEATHS or self.accused is not None

    def with_new_owner(self) -> "PartitionMemo":
        """Written before the owner begins, taken back when it ends well. What was in hand is accused, or convicted."""
        if self.in_hand is None:
            return msgspec.structs.replace(self, deaths=self.deaths + 1)
        if self.in_hand == self.accused:
            return PartitionMemo(deaths=self.deaths + 1, skip=_sorted((*self.skip, self.in_hand)))
        return PartitionMemo(deaths=self.deaths + 1, skip=self.skip, accused=self.in_hand)

    def with_trial(self, offset: int | None) -> "PartitionMemo":
        return msgspec.structs.replace(self, in_hand=offset)

    def without_death(self) -> "PartitionMemo":
        """The owner ends well: it is no death."""
        return PartitionMemo(deaths=max(0, self.deaths - 1), skip=self.skip, accused=self.accused)

    def with_skipped(self, offset: int) -> "PartitionMemo":
        """Raises TooManySkippedError."""
        if len(self.skip) >= MAX_SKIPPED:
            raise TooManySkippedError(f"at most {MAX_SKIPPED} records of a partition can be skipped at a time")
        return msgspec.structs.replace(self, skip=_sorted((*self.skip, offset)))

    def beyond(self, offset: int) -> "PartitionMemo":
        """What is left of it once everything below `offset` is done."""
        accused = None if self.accused is None or self.accused < offset else self.accused
        return PartitionMemo(skip=tuple(skipped for skipped in self.skip if skipped >= offset), accused=accused)


def _sorted(offsets: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(set(offsets)))[-MAX_SKIPPED:]


PartitionMemos = Mapping[Position, tuple[int, PartitionMemo]]
