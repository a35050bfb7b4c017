"""Consent to pushes, as upstream's topic of changes tells it: who has opted out, and which of two changes counts.

An opt-out holds until a later opt-in on that topic. Changes reach our own topic by way of workers, any of which may
have slept: so each carries where it stood on upstream's topic, and one that is older than what is known changes
nothing (docs/adr/0034).
"""

from datetime import UTC, datetime
from typing import Literal, NamedTuple, Self

import msgspec

from saving_alerts.domain.decoding import Decoder, Unreadable, printable
from saving_alerts.domain.events import MAX_IDENTIFIER_CHARACTERS, PushConsent

MAX_CHANGE_BYTES = 16 * 1024
# 1 to 128 characters, each of at most four bytes. A longer key is no user's.
MAX_KEY_BYTES = 4 * MAX_IDENTIFIER_CHARACTERS
EVERYONE = b""  # the key on our topic of what may be anybody's opt-out
# With them a change that arrives late is told from a new one. Forgotten ones cost silence, never a push. They take half
# a megabyte.
REMEMBERED_OPT_INS = 2_000
MAX_ORIGIN_BYTES = 80
LAST_MILLISECOND = 4_102_444_800_000  # 2100


class ConsentChange(msgspec.Struct, frozen=True):
    """The value of a record on upstream's topic; its key is the user id."""

    schema: Literal[1]
    push: PushConsent


_changes = Decoder(ConsentChange, MAX_CHANGE_BYTES)


def problem_of(value: bytes | None) -> str | None:
    """Why the value of a change counts as an opt-out although it does not say so; None where it is readable."""
    read = _changes.read(value)
    return str(read) if isinstance(read, Unreadable) else None


def is_opt_in(value: bytes | None) -> bool:
    """Whether the value lets pushes be sent. What cannot be read does not."""
    read = _changes.read(value)
    return not isinstance(read, Unreadable) and read.push.consent


def is_users(key: bytes | None) -> bool:
    """Whether the key can be a user's id."""
    if not key or len(key) > MAX_KEY_BYTES:
        return False
    try:
        return len(key.decode()) <= MAX_IDENTIFIER_CHARACTERS
    except UnicodeDecodeError:
        return False


class Origin(NamedTuple):
    """Where a change stood on upstream's topic, and when it was written there: milliseconds, never ahead of our clock.

    `among`: how many partitions our topic had when the change was placed there.
    """

    partition: int
    offset: int
    written_ms: int
    among: int

    @property
    def written(self) -> bytes:
        return b"%d/%d/%d/%d" % self

    @classmethod
    def read(cls, raw: bytes | None) -> Self | None:
        """None for what is no origin of ours."""
        parts = raw.split(b"/") if raw is not None and len(raw) <= MAX_ORIGIN_BYTES else []
        if len(parts) != len(cls._fields) or not all(part.isdigit() for part in parts):
            return None
        origin = cls(*map(int, parts))
        return origin if origin.written_ms <= LAST_MILLISECOND else None

    def __str__(self) -> str:
        at = datetime.fromtimestamp(self.written_ms / 1000, UTC)
        return f"at {at:%Y-%m-%d %H:%M:%S} by {self.partition}/{self.offset}"


def is_older(change: Origin, known: Origin, *, opts_in: bool) -> bool:
    """Whether `change` came before what is known of its user. Of two at one time the opt-out counts.

    Within a partition the offsets say it, unless the topic was made anew: then they begin at 0, at a later time. Across
    partitions only the times can say it.
    """
    not_later = change.written_ms <= known.written_ms
    if change.partition == known.partition:
        return not_later and change.offset < known.offset
    return not_later if opts_in else change.written_ms < known.written_ms


class Change(NamedTuple):
    """One user's record on our topic. `problem` None is an opt-in, which has no value; "" a plain opt-out."""

    key: bytes
    origin: bytes
    problem: str | None


class OptOuts:
    """Who has opted out, of one partition of our topic, as far as it was read. Bounded, whatever stands there.

    `among`: how many partitions our topic has. `most` users are kept; with more, all count as opted out, until the
    partition is read anew.
    """

    def __init__(self, among: int, most: int) -> None:
        self._among = among
        self._placed_here = b"/%d" % among
        self._most = most
        self._origins: dict[bytes, bytes] = {}
        self._problems: dict[bytes, str] = {}
        self._opt_ins: dict[bytes, bytes] = {}
        self._overwritten: dict[bytes, None] = {}
        self._misplaced: dict[bytes, Change] = {}
        self._unreadable: str | None = None
        self._has_overflowed = False

    def __len__(self) -> int:
        return len(self._origins)

    @property
    def everyone(self) -> str | None:
        """Why all count as opted out, and what to do; None if they do not."""
        if self._has_overflowed:
            return f"more than {self._most:,} users have opted out: raise SAVING_ALERTS_CONSENT_MAX_OPT_OUTS"
        return None if self._unreadable is None else f"{self._unreadable}. `saving-alerts consent lift` lifts it"

    def reason_against(self, key: bytes) -> str | None:
        """Why no push may be sent to the user, in words; None if one may."""
        if self.everyone is not None:
            return self.everyone
        origin = self._origins.get(key)
        if origin is None:
            return None
        problem = self._problems.get(key)
        return f"opted out {_in_words(origin)}" + (f", which cannot be read: {problem}" if problem else "")

    def apply(self, key: bytes, value: bytes | None, origin: bytes | None) -> None:
        """The next record of our topic. Never raises."""
        if value == b"" and origin is not None and self._is_new_here(key, origin):
            self._opt_out(Change(key, origin, ""), "")
        elif key == EVERYONE:
            self._unreadable = None if value is None else _problem_in(value)
        elif is_users(key):
            self._apply(Change(key, origin or b"", None if value is None else _problem_in(value)))

    def _is_new_here(self, key: bytes, origin: bytes) -> bool:
        """Whether nothing is known of the user that the opt-out could be compared with. Nearly all that is read to the
        end is such, and half of its time would go into taking the origin apart.
        """
        is_known = key in self._origins or key in self._opt_ins or self._misplaced
        is_short = 0 < len(key) <= MAX_IDENTIFIER_CHARACTERS and len(origin) <= MAX_ORIGIN_BYTES
        return not is_known and is_short and key.isascii() and origin.endswith(self._placed_here)

    def stop_everyone(self, why: str) -> None:
        self._unreadable = printable(why)

    def overwritten(self) -> list[Change]:
        """What to write again: an older change stands behind it on our topic. They count as written from now on."""
        users, self._overwritten = self._overwritten, {}
        return [known for key in users if (known := self._known(key))]

    def take_misplaced(self) -> list[Change]:
        """What was placed here when our topic had fewer partitions. To be asked when the partition was read to its end:
        what was moved already stands behind it.
        """
        found, self._misplaced = self._misplaced, {}
        return [*found.values()]

    def _apply(self, change: Change) -> None:
        self._overwritten.pop(change.key, None)
        self._misplaced.pop(change.key, None)
        origin = Origin.read(change.origin)
        if origin is None:
            change = change._replace(origin=b"")
        if origin is not None and origin.among != self._among:
            self._misplaced[change.key] = change
        elif origin is not None and self._is_outdated(change, origin):
            self._overwritten[change.key] = None
        elif change.problem is None:
            self._opt_in(change)
        else:
            self._opt_out(change, change.problem)

    def _is_outdated(self, change: Change, origin: Origin) -> bool:
        known = Origin.read(self._origins.get(change.key) or self._opt_ins.get(change.key))
        return known is not None and is_older(origin, known, opts_in=change.problem is None)

    def _opt_in(self, change: Change) -> None:
        self._origins.pop(change.key, None)
        self._problems.pop(change.key, None)
        self._opt_ins.pop(change.key, None)
        self._opt_ins[change.key] = change.origin
        if len(self._opt_ins) > REMEMBERED_OPT_INS:
            del self._opt_ins[next(iter(self._opt_ins))]

    def _opt_out(self, change: Change, problem: str) -> None:
        self._opt_ins.pop(change.key, None)
        self._problems.pop(change.key, None)
        if change.key not in self._origins and len(self._origins) >= self._most:
            self._has_overflowed = True
            return
        self._origins[change.key] = change.origin
        if problem:
            self._problems[change.key] = problem

    def _known(self, key: bytes) -> Change | None:
        origin = self._origins.get(key)
        if origin is not None:
            return Change(key, origin, self._problems.get(key, ""))
        opt_in = self._opt_ins.get(key)
        return None if opt_in is None else Change(key, opt_in, None)


def _in_words(origin: bytes) -> str:
    read = Origin.read(origin)
    return str(read) if read else "by a record of nobody knows where"


def _problem_in(value: bytes) -> str:
    return printable(value.decode(errors="backslashreplace")) if value else ""
