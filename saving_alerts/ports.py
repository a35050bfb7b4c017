"""What the pipeline needs of the outside world, as small protocols, and how the world can fail.

PortError
├── UnavailableError   nobody answered, or "later": asking again may help
│   └── DeadlineError  the deadline came first: asking again is too late
└── RefusedError       a clear, permanent no: asking again is pointless

An attempt to push never raises: it may have arrived, so each of its endings is a value that the caller must look at.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from saving_alerts.domain.alerts import Push
from saving_alerts.domain.caps import Cap
from saving_alerts.domain.coupons import Coupon
from saving_alerts.domain.kill_switches import KillSwitch
from saving_alerts.domain.positions import SourcePosition
from saving_alerts.domain.sends import PushSend
from saving_alerts.domain.workers import WorkerRow


class PortError(Exception):
    """The outside world failed. The text names the dependency and what it did."""


class UnavailableError(PortError):
    """No answer, or a temporary one, within the attempts and the time allowed."""


class DeadlineError(UnavailableError):
    """No answer before the deadline. It is said here, because a timer may end a moment before the clock shows it."""


class RefusedError(PortError):
    """A permanent no. `status` is the HTTP status, None where the answer itself was unusable."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Clock(Protocol):
    """The only source of time below the composition root."""

    def now(self) -> datetime:
        """This moment, in UTC."""

    async def sleep(self, duration: timedelta) -> None:
        """Come back after `duration`."""


class CouponSource(Protocol):
    async def coupons(self, user_id: str, merchant_id: str, deadline: datetime) -> tuple[Coupon, ...]:
        """What this user could save at this merchant; empty for none.

        Makes at most 3 attempts within 15 s; while nobody else is answered either it holds, and never beyond
        `deadline`. Raises UnavailableError when that was in vain, DeadlineError when the deadline came first, and
        RefusedError for a permanent no.
        """


@dataclass(frozen=True, slots=True)
class Accepted:
    """2xx, or 409: this very push was accepted before."""

    status: int


@dataclass(frozen=True, slots=True)
class Refused:
    """3xx, another 4xx, or a body too large to be sent: it did nothing and a repetition would not either."""

    status: int | None
    text: str


@dataclass(frozen=True, slots=True)
class TooLate:
    """412: this attempt came after its `Request-Not-After` and did nothing; earlier ones are not spoken of."""


@dataclass(frozen=True, slots=True)
class Throttled:
    """429, 503 or no connection: this attempt did nothing; the API is to be left alone for a while."""

    retry_after: timedelta


@dataclass(frozen=True, slots=True)
class Unclear:
    """No answer, a broken connection or another 5xx: the push may have been accepted, or may still be."""

    text: str


Attempt = Accepted | Refused | TooLate | Throttled | Unclear


class PushSender(Protocol):
    def turn(self, deadline: datetime) -> AbstractAsyncContextManager[bool]:
        """Wait for a free slot, the breaker, and a Retry-After already known: every wait comes before the claim.

        Enters with True when an attempt may start, with False when the deadline came first. Leaving frees the slot.
        """

    async def attempt(self, push: Push, key: str, not_after: datetime) -> Attempt:
        """One request, at most `push_attempt_seconds` long. `not_after` goes out as `Request-Not-After`."""


class Claim(msgspec.Struct, frozen=True):
    """The token of one claim: who wants to push what for which position."""

    user_id: str
    merchant_id: str
    event_id: str
    position: SourcePosition
    incarnation: str
    number: int


@dataclass(frozen=True, slots=True)
class Granted:
    """The user is ours until `lease_until` (by the throttle's clock); `taken_over` from ourselves or an ended lease."""

    lease_until: datetime
    taken_over: bool = False


@dataclass(frozen=True, slots=True)
class AlreadySent:
    """This very position was pushed before: the answer is the same again. `uncertain` when it ended so."""

    sent_at: datetime
    uncertain: bool = False


@dataclass(frozen=True, slots=True)
class DuplicateOf:
    """This event id was pushed for another position."""

    position: SourcePosition


@dataclass(frozen=True, slots=True)
class CapReached:
    cap: Cap
    until: datetime


@dataclass(frozen=True, slots=True)
class Busy:
    """Another live claim of this user stands in the way until it is settled, or `until` its lease ends.

    `own_position`: it is this very position's, held by another incarnation, so a push may be on its way.
    """

    until: datetime
    own_position: bool = False


Reservation = Granted | AlreadySent | DuplicateOf | CapReached | Busy


class Throttle(Protocol):
    """Claims on a user's next push. Every call is idempotent by its claim; every one can raise UnavailableError."""

    async def reserve(self, claim: Claim, caps: tuple[Cap, ...]) -> Reservation:
        """Ask for the user. This position's own entry is looked for first, before caps and other claims."""

    async def renew(self, claim: Claim) -> datetime | None:
        """Extend a live lease and say until when. None: the lease has ended or the claim is another's."""

    async def confirm(self, claim: Claim, *, uncertain: bool) -> None:
        """The push was, or may have been, accepted: charge it for good, even if the claim is gone."""

    async def release(self, claim: Claim) -> bool:
        """Nothing was sent: take the charge back. False: the lease has ended or was another's, so the charge stays."""


class KillSwitches(Protocol):
    """What stops pushes at once. Known before the first event, followed ever after."""

    @property
    def switches(self) -> Mapping[str, KillSwitch]:
        """Those that are on, by their keys."""


class PushSends(Protocol):
    """The second fence: what was sent to the users of this worker's partitions, whatever the throttle forgot."""

    def of(self, user_id: str) -> tuple[PushSend, ...]:
        """What a cap can still count, in the order it was recorded."""

    async def record(self, user_id: str, send: PushSend) -> None:
        """Remember a send. Returns when it is durable. Idempotent by its position."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A whole object with its entity tag."""

    body: bytes
    etag: str


class ObjectStore(Protocol):
    """A bucket. Every call can raise UnavailableError; RefusedError means wrong credentials or a missing bucket."""

    async def fetch(self, key: str, unless_etag: str | None, max_bytes: int) -> StoredObject | None:
        """The object, or None while its tag is still `unless_etag`. Raises MissingObjectError where there is none."""

    def lines(self, key: str, unless_etag: str | None) -> AbstractAsyncContextManager["ObjectLines | None"]:
        """The object as a stream of lines, or None while its tag is still `unless_etag`."""

    async def put(self, key: str, body: bytes) -> None:
        """Write the object whole."""


class SwappingStore(ObjectStore, Protocol):
    """A bucket in which an object can be swapped against the one that was read. Workers do not need it."""

    async def put_if(self, key: str, body: bytes, etag: str | None) -> bool:
        """Write the object whole if its tag is still `etag`; None: if there is no object. False: it is not so."""


MAX_LINE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class ObjectLines:
    r"""A streamed object: its tag is known before its first line.

    A line comes with its `\n`. Of one that is longer than MAX_LINE_BYTES without it, only the first
    MAX_LINE_BYTES + 1 come: enough to tell, and nothing that eats memory. Reading can raise UnavailableError.
    """

    etag: str
    lines: AsyncIterator[bytes]


class MissingObjectError(UnavailableError):
    """There is no such object yet; it may appear."""


class Heartbeats(Protocol):
    """The workers' rows. Every call can raise UnavailableError."""

    async def beat(self, row: WorkerRow, lives_for: timedelta) -> None:
        """Write this incarnation's row in place of its last one. It vanishes after `lives_for` unless written again."""

    async def workers(self) -> tuple[WorkerRow, ...]:
        """The rows that have not vanished, ordered by name and incarnation."""
