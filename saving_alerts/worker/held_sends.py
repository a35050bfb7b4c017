"""The sends of one partition in a worker's memory, as the changelog of the Table has them.

A user with one send takes less than 250 bytes: the id, an entry of a dictionary, an entry of a bucket, and the packed
send (`docs/performance.md` has the figures).
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from saving_alerts.domain.decoding import Unreadable
from saving_alerts.domain.push_sends import PushSend
from saving_alerts.kafka.push_send_rows import (
    END_OF_USER,
    SendRow,
    microseconds,
    read_list,
    read_row,
    user_and_row,
)
from saving_alerts.worker.hour_buckets import HourBuckets, is_old
from saving_alerts.worker.packed_sends import Packing


class ChangelogRecord(Protocol):
    """A record of the changelog as it was fetched."""

    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...


class HeldSends:
    """All times are in microseconds since 1970, users are their ids in UTF-8.

    `complete_to`: everything up to this offset of the changelog is here. None before anything was read.
    """

    def __init__(self, packing: Packing) -> None:
        self._packing = packing
        self._sends: dict[bytes, bytes] = {}
        self._lists: dict[bytes, bytes] = {}  # values of 0.1.0
        self._unreadable: dict[bytes, dict[bytes, Unreadable]] = {}  # by user and row
        self._buckets = HourBuckets()
        self.complete_to: int | None = None

    def __len__(self) -> int:
        """How many users have something here."""
        return len(self._sends.keys() | self._lists.keys()) if self._lists else len(self._sends)

    def take(self, records: Sequence[ChangelogRecord], now: int) -> None:
        """What was fetched of the changelog, in order, with nothing left out since the last call."""
        for record in records:
            if record.key is not None:
                self._take(record.key, record.value, now)
        if records:
            self.complete_to = max(records[-1].offset, -1 if self.complete_to is None else self.complete_to)

    def wrote(self, offset: int) -> None:
        """A change of ours, which is here already, got this offset. If others wrote before it, it is read again."""
        if offset - 1 == self.complete_to:
            self.complete_to = offset

    def knows(self, user: bytes) -> bool:
        """Whether `of` has anything. Almost always it has not, so this costs next to nothing."""
        return user in self._sends or user in self._lists or user in self._unreadable

    def of(self, user: bytes) -> Iterator[PushSend | Unreadable]:
        """In the order in which they were recorded."""
        if user in self._lists:
            found = read_list(self._lists[user])
            yield from (found,) if isinstance(found, Unreadable) else found
        yield from self._unreadable.get(user, {}).values()
        for row, _ in self._packing.unpacked(self._sends.get(user, b"")):
            yield row.send

    def add(self, user: bytes, row: SendRow, now: int) -> None:
        """One that is there already stays where it is."""
        packed, known = self._packing.packed(row), self._sends.get(user)
        if known is None:
            self._sends[user] = packed
            self._buckets.put(user, row.sent_at, now)
            return
        rows = list(self._packing.unpacked(known))
        if packed in (each for _, each in rows):
            return
        self._sends[user] = known + packed
        if is_old(row.sent_at, now) or row.sent_at < min(each.sent_at for each, _ in rows):
            self._buckets.put(user, row.sent_at, now)

    def keys_of(self, user: bytes) -> list[tuple[bytes, tuple[PushSend, ...] | Unreadable]]:
        """Every key of this user on the changelog, and what it says."""
        lists = [(user, read_list(self._lists[user]))] if user in self._lists else []
        rows = [(row.key(user), (row.send,)) for row, _ in self._packing.unpacked(self._sends.get(user, b""))]
        unreadable = [(user + END_OF_USER + raw, why) for raw, why in self._unreadable.get(user, {}).items()]
        return [*lists, *rows, *unreadable]

    def apply(self, key: bytes, value: bytes | None, now: int) -> None:
        """One record of the changelog, or a tombstone: one of ours that it is to have, or has."""
        self._take(key, value, now)

    def let_go(self, now: int, users: int) -> list[bytes]:
        """Forget what no cap counts any more of at most so many users; returns the keys of its tombstones.

        What nobody can read stays as it is.
        """
        return [
            key
            for user in self._buckets.due(now, users)
            for key in (*self._let_go_list(user, now), *self._let_go_sends(user, now))
        ]

    def _take(self, key: bytes, value: bytes | None, now: int) -> None:
        user, raw = user_and_row(key)
        if not raw:
            self._take_list(user, value, now)
        elif isinstance(row := read_row(raw), Unreadable):
            self._take_unreadable(user, raw, None if value is None else row)
        elif value is None:
            self._remove(user, row)
        else:
            self.add(user, row, now)

    def _take_list(self, user: bytes, value: bytes | None, now: int) -> None:
        if value is None:
            self._lists.pop(user, None)
            return
        self._lists[user] = value
        found = read_list(value)
        if not isinstance(found, Unreadable):
            self._buckets.put(user, max((microseconds(send.sent_at) for send in found), default=0), now)

    def _take_unreadable(self, user: bytes, raw: bytes, problem: Unreadable | None) -> None:
        rows = self._unreadable.setdefault(user, {})
        rows.pop(raw, None)
        if problem is not None:
            rows[raw] = problem
        elif not rows:
            del self._unreadable[user]

    def _remove(self, user: bytes, row: SendRow) -> None:
        packed, known = self._packing.packed(row), self._sends.get(user)
        if known is not None:
            self._keep(user, b"".join(each for _, each in self._packing.unpacked(known) if each != packed))
            self._buckets.clean(len(self._sends) + len(self._lists), self._has)

    def _let_go_sends(self, user: bytes, now: int) -> list[bytes]:
        rows = list(self._packing.unpacked(self._sends.get(user, b"")))
        kept = [(row, packed) for row, packed in rows if not is_old(row.sent_at, now)]
        self._keep(user, b"".join(packed for _, packed in kept))
        if kept:
            self._buckets.put(user, min(row.sent_at for row, _ in kept), now)
        return [row.key(user) for row, _ in rows if is_old(row.sent_at, now)]

    def _let_go_list(self, user: bytes, now: int) -> list[bytes]:
        found = read_list(self._lists[user]) if user in self._lists else None
        if found is None or isinstance(found, Unreadable):
            return []
        counted = [time for send in found if not is_old(time := microseconds(send.sent_at), now)]
        if counted:
            self._buckets.put(user, max(counted), now)
            return []
        del self._lists[user]
        return [user]

    def _has(self, user: bytes) -> bool:
        return user in self._sends or user in self._lists

    def _keep(self, user: bytes, packed: bytes) -> None:
        if packed:
            self._sends[user] = packed
        else:
            self._sends.pop(user, None)
