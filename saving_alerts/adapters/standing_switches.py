"""What stands on the topic of the kill switches, as far as it was read: bounded, whatever stands there."""

from collections.abc import Mapping

from aiokafka import ConsumerRecord

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

_TOO_MANY = UnreadableSwitch(
    name="the rest of the topic",
    problem=f"more than {MAX_SWITCHES:,} switches stand there, or very long ones",
    stops=(KEY_OF_ALL,),
    mend="Lift some of those that `saving-alerts kill list` shows",
)


class StandingSwitches:
    """`by_key` are those that are on. `next_offset` is the next one to read of the partition that is confirmed."""

    def __init__(self) -> None:
        self.by_key: dict[bytes, StandingSwitch] = {}
        self.next_offset = 0
        self.is_outdated = False  # something was lifted, and what had no room is known only after another look
        self._sizes: dict[bytes, int] = {}
        self._bytes = 0
        self._has_overflowed = False
        self._stopping: Mapping[str, StandingSwitch] | None = None

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
        return [_TOO_MANY, *named] if self._has_overflowed else named

    def key_of(self, name: str) -> bytes | None:
        """The key of what a list calls so; None where it is not on."""
        return next((key for key in self.by_key if name_of(key) == name), None)

    def apply(self, record: ConsumerRecord) -> None:
        """The next record. Never raises."""
        key = record.key or b""
        if record.value is None:
            self._lift(key)
        else:
            self._put(key, _switch_in(record, self.by_key.get(key)), len(record.value))
        self._stopping = None
        if record.partition == CONFIRMED_PARTITION:
            self.reach(last_offset_of(record) + 1)

    def reach(self, offset: int) -> None:
        """Everything before the offset is in here."""
        self.next_offset = max(self.next_offset, offset)

    def _lift(self, key: bytes) -> None:
        self.by_key.pop(key, None)
        self._bytes -= self._sizes.pop(key, 0)
        self.is_outdated = self._has_overflowed

    def _put(self, key: bytes, switch: StandingSwitch, value_bytes: int) -> None:
        size = len(key) + min(value_bytes, MAX_SWITCH_BYTES)
        room = self._bytes - self._sizes.get(key, 0) + size <= MAX_BYTES
        if not room or (key not in self.by_key and len(self.by_key) >= MAX_SWITCHES):
            self._has_overflowed = True
            return
        self._bytes += size - self._sizes.get(key, 0)
        self._sizes[key] = size
        self.by_key[key] = switch


def _switch_in(record: ConsumerRecord, before: StandingSwitch | None) -> StandingSwitch:
    """Refused bytes may hold any switch, so they stop everything."""
    if isinstance(record.value, RefusedBytes):
        return unreadable_switch(record.key, record.value.problem, before=before)
    return read_switch(record.key, record.value, before)
