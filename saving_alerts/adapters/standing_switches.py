"""What stands on the topic of the kill switches, as far as it was read: bounded, whatever stands there."""

from collections import defaultdict
from collections.abc import Mapping

from aiokafka import ConsumerRecord

from saving_alerts.adapters.last_records import MAX_STANDING, LastRecords
from saving_alerts.domain.kill_switches import (
    KEY_OF_ALL,
    MAX_SWITCH_BYTES,
    StandingSwitch,
    UnreadableSwitch,
    by_what_they_stop,
    name_of,
    read_switch,
    unreadable_switch,
)
from saving_alerts.kafka.refused import RefusedBytes, last_offset_of

# All rules and many merchants at once. Beyond it nobody could look through them, and they would fill the memory.
MAX_SWITCHES = 10_000
MAX_BYTES = 16 * 1024 * 1024  # of keys and values
# `saving-alerts kill` writes to it, and waits for its offsets.
CONFIRMED_PARTITION = 0

NAME_OF_THE_REST = "the rest of the topic"
_TOO_MANY = UnreadableSwitch(
    name=NAME_OF_THE_REST,
    problem=f"more than {MAX_SWITCHES:,} switches stand there, or very long ones",
    stops=(KEY_OF_ALL,),
    mend="Lift some of those that `saving-alerts kill list` shows",
)
_LOST_COUNT = UnreadableSwitch(
    name=NAME_OF_THE_REST,
    problem=f"more than {MAX_STANDING:,} switches stand there, or stood there at once before they were lifted",
    stops=(KEY_OF_ALL,),
    mend="Lift those that `saving-alerts kill list` shows: workers look again once Kafka has compacted the topic",
)


class StandingSwitches:
    """`by_key` are those that are on. `next_offset` is the next one to read of the partition that is confirmed.

    Those that have no room are not in `by_key`. While there are any, everything is stopped (`rest`).
    """

    def __init__(self) -> None:
        self.by_key: dict[bytes, StandingSwitch] = {}
        self._last = LastRecords()
        self._sizes: dict[bytes, int] = {}
        self._bytes = 0
        self._next_offsets: defaultdict[int, int] = defaultdict(int)
        self._stopping: Mapping[str, StandingSwitch] | None = None

    @property
    def next_offset(self) -> int:
        return self._next_offsets[CONFIRMED_PARTITION]

    @property
    def rest(self) -> UnreadableSwitch | None:
        """What stands for the switches that have no room; None where all have."""
        if not self._last.is_complete:
            return _LOST_COUNT
        return _TOO_MANY if len(self._last) > len(self.by_key) else None

    @property
    def is_outdated(self) -> bool:
        """Whether another look at the topic may find room for everything that stands there."""
        fits = len(self._last) <= MAX_SWITCHES and self._last.bytes <= MAX_BYTES
        return self.rest is not None and (fits or not self._last.is_complete)

    @property
    def can_tell_what_stands(self) -> bool:
        """Whether `counts_at_the_end` knows."""
        return self._last.is_complete

    @property
    def stopping(self) -> Mapping[str, StandingSwitch]:
        """Those that are on, by the keys of what they stop."""
        if self._stopping is None:
            self._stopping = by_what_they_stop(self.listed)
        return self._stopping

    @property
    def listed(self) -> list[StandingSwitch]:
        """What cannot be read first, then by name."""
        named = sorted(self.by_key.values(), key=lambda each: (not isinstance(each, UnreadableSwitch), each.name))
        return [self.rest, *named] if self.rest else named

    def key_of(self, name: str) -> bytes | None:
        """The key of what a list calls so; None where it is not on."""
        return next((key for key in self.by_key if name_of(key) == name), None)

    def apply(self, record: ConsumerRecord) -> None:
        """The next record. Never raises."""
        before = self._take_out(record.key or b"")
        if record.value is not None:
            self._put(record, before)
        self._stopping = None
        self._reach(record.partition, last_offset_of(record) + 1)

    def reach(self, offset: int) -> None:
        """Everything before the offset of the confirmed partition is in here."""
        self._reach(CONFIRMED_PARTITION, offset)

    def counts_at_the_end(self, record: ConsumerRecord) -> bool:
        """Whether a record that is read once more still says something: the last one of its key, or one not read."""
        return record.offset >= self._next_offsets[record.partition] or self._last.has(record)

    def _reach(self, partition: int, offset: int) -> None:
        self._next_offsets[partition] = max(self._next_offsets[partition], offset)

    def _take_out(self, key: bytes) -> StandingSwitch | None:
        self._last.lift(key)
        self._bytes -= self._sizes.pop(key, 0)
        return self.by_key.pop(key, None)

    def _put(self, record: ConsumerRecord, before: StandingSwitch | None) -> None:
        key = record.key or b""
        size = len(key) + min(len(record.value), MAX_SWITCH_BYTES)
        self._last.put(record, size)
        if len(self.by_key) < MAX_SWITCHES and self._bytes + size <= MAX_BYTES:
            self._bytes += size
            self._sizes[key] = size
            self.by_key[key] = _switch_in(record, before)


def _switch_in(record: ConsumerRecord, before: StandingSwitch | None) -> StandingSwitch:
    """Refused bytes may hold any switch, so they stop everything."""
    if isinstance(record.value, RefusedBytes):
        return unreadable_switch(record.key, record.value.problem, before=before)
    return read_switch(record.key, record.value, before)
