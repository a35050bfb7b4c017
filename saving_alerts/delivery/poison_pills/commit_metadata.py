"""What a consumer group keeps about a partition in the metadata of its committed offset. Pure.

Kafka keeps a short text with every committed offset. There the next owner of the partition finds how often its owners
died without finishing anything, which record was on trial at that moment, and which ones must not be tried again. So
this needs no other system, belongs to exactly this offset, and is gone with the first commit beyond it.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from saving_alerts.delivery.poison_pills.finished_ranges import FinishedRanges
from saving_alerts.domain.decoding import Decoder, Offset, Unreadable

# Kafka keeps 4,096 bytes of text with an offset by default, and brokers can be set to keep more.
KEPT_BYTES = 4096
MAX_SKIPPED = 100
MAX_MEMO_BYTES = 64 * 1024
MAX_DEATHS = 2**31 - 1
SUSPICIOUS_DEATHS = 3
FIELD_BYTES = 16  # of the name of a field, with what stands around it


Partition = tuple[str, int]


class TooManySkippedError(ValueError):
    """A partition remembers only so many records that are not to be tried."""


WIRE_NAMES = {"trial": "in_hand", "suspect": "accused"}  # what is committed already has these


class PartitionMemo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename=WIRE_NAMES):
    """`deaths`: owners that died at this offset. `skip`: offsets that become dead letters untried.

    `trial`: the offset of the record that is tried alone now. `suspect`: the one that was on trial at one death, which
    may be chance; at a second death it is confirmed and joins `skip`. `finished`: what need not be done again; release
    0.1.0 passes it over. Whatever else is noted comes first, and it gets the room that is left.
    """

    deaths: Annotated[int, Meta(ge=0, le=MAX_DEATHS)] = 0
    trial: Offset | None = None
    suspect: Offset | None = None
    skip: Annotated[tuple[Offset, ...], Meta(max_length=MAX_SKIPPED)] = ()
    finished: FinishedRanges | None = None

    @classmethod
    def read(cls, text: str | None) -> "PartitionMemo":
        """From what Kafka kept. Somebody else's text is no memo."""
        found = _memos.read(text or "{}")
        return cls() if isinstance(found, Unreadable) else found

    def text(self) -> str:
        """What is finished is left out where there is no room for it."""
        if self == PartitionMemo():
            return ""
        text = msgspec.json.encode(self)
        if self.finished is not None and len(text) > KEPT_BYTES:
            return self.with_finished(None).text()
        return text.decode()

    @property
    def room_bytes(self) -> int:
        """For what is finished."""
        return KEPT_BYTES - len(self.with_finished(None).text()) - FIELD_BYTES

    def with_finished(self, finished: FinishedRanges | None) -> "PartitionMemo":
        return msgspec.structs.replace(self, finished=finished)

    @property
    def is_suspicious(self) -> bool:
        """So many owners before this one died at this offset: no accident, one of its records may kill the process."""
        return self.deaths > SUSPICIOUS_DEATHS or self.suspect is not None

    def with_new_owner(self) -> "PartitionMemo":
        """Written before the owner begins, taken back when it ends well. What was on trial is suspect, or confirmed."""
        if self.trial is None:
            return msgspec.structs.replace(self, deaths=self.deaths + 1)
        if self.trial == self.suspect:
            return PartitionMemo(deaths=self.deaths + 1, skip=_sorted((*self.skip, self.trial)))
        return PartitionMemo(deaths=self.deaths + 1, skip=self.skip, suspect=self.trial)

    def with_trial(self, offset: int | None) -> "PartitionMemo":
        return msgspec.structs.replace(self, trial=offset)

    def without_death(self) -> "PartitionMemo":
        """The owner ends well: it is no death."""
        return PartitionMemo(deaths=max(0, self.deaths - 1), skip=self.skip, suspect=self.suspect)

    def with_skipped(self, offset: int) -> "PartitionMemo":
        """Raises TooManySkippedError."""
        if len(self.skip) >= MAX_SKIPPED:
            raise TooManySkippedError(f"at most {MAX_SKIPPED} records of a partition can be skipped at a time")
        return msgspec.structs.replace(self, skip=_sorted((*self.skip, offset)))

    def beyond(self, offset: int) -> "PartitionMemo":
        """What is left of it once everything below `offset` is done."""
        suspect = None if self.suspect is None or self.suspect < offset else self.suspect
        return PartitionMemo(skip=tuple(skipped for skipped in self.skip if skipped >= offset), suspect=suspect)


_memos = Decoder(PartitionMemo, MAX_MEMO_BYTES)


def _sorted(offsets: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(set(offsets)))[-MAX_SKIPPED:]


PartitionMemos = Mapping[Partition, tuple[int, PartitionMemo]]
