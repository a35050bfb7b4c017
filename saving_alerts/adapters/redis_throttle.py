"""Claims in Redis: one key for each user, and five Lua scripts, each of them atomic (docs/claims.md).

The driver repeats a call that got no answer, so a script may run twice for it: each is idempotent by its claim. A key
that does not hold what the scripts wrote is never overwritten: until an operator deletes it, every call for that user
raises UnavailableError with the key's name, and nothing is sent.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from importlib.resources import files
from urllib.parse import quote

import msgspec
from redis import asyncio as aioredis

from saving_alerts.adapters.redis_connection import refuse_unsupported, translated_errors
from saving_alerts.dependencies import DependencyState, State
from saving_alerts.domain.caps import Cap
from saving_alerts.domain.moments import EPOCH, of_milliseconds
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.metrics import Metric, Metrics
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.ports.throttle import (
    AlreadySent,
    Busy,
    CapReached,
    Claim,
    DuplicateOf,
    Free,
    Granted,
    Known,
    Obstacle,
    Outnumbered,
    Reservation,
    View,
)

# No user's key ends so, because a user's name is quoted in it.
NOBODY = "%check"

_MILLISECOND = timedelta(milliseconds=1)

_Argument = str | bytes | int
_Reply = Sequence[bytes | int]


@dataclass(frozen=True, slots=True)
class ThrottlePolicy:
    """`lease_seconds`: how long a claim holds without renewal. `key_prefix`: the beginning of every key."""

    lease_seconds: float
    key_prefix: str


class _Call(StrEnum):
    LOOK = "look"
    RESERVE = "reserve"
    RENEW = "renew"
    CONFIRM = "confirm"
    RELEASE = "release"
    REFILL = "refill"


# What each script is made of, after `state`.
_PARTS = {_Call.LOOK: ("obstacles",), _Call.RESERVE: ("obstacles",)}


class RedisThrottle:
    """The Throttle port, on a client whose answers are bytes. Its times are Redis' clock, in whole milliseconds."""

    def __init__(
        self, client: aioredis.Redis, policy: ThrottlePolicy, metrics: Metrics, state: DependencyState | None = None
    ) -> None:
        self._policy = policy
        self._lease_milliseconds = round(policy.lease_seconds * 1000)
        self._metrics = metrics
        self._state = state
        self._client = client
        self._scripts = {call: client.register_script(_script(*_PARTS.get(call, ()), call)) for call in _Call}
        self._check = client.register_script(_script("check"))
        self._failure: str | None = None  # the last one since the last check

    async def check(self) -> None:
        failure, self._failure = self._failure, None
        await refuse_unsupported(self._client)
        key = f"{self._policy.key_prefix}{NOBODY}"
        with translated_errors():
            reply: _Reply = await self._check([key])
        if _outcome(reply) == "unreadable":
            raise _unreadable(key)
        if failure is not None:
            raise UnavailableError(failure)

    async def look(self, claim: Claim, caps: tuple[Cap, ...]) -> View:
        reply = await self._run(_Call.LOOK, claim, _encoded(caps))
        try:
            return _view(reply, caps)
        except (ValueError, OverflowError) as error:
            raise _unreadable(self._key(claim)) from error

    async def reserve(self, claim: Claim, caps: tuple[Cap, ...]) -> Reservation:
        reply = await self._run(_Call.RESERVE, claim, _encoded(caps), self._lease_milliseconds)
        try:
            return _reservation(reply, caps)
        except (ValueError, OverflowError) as error:  # a position or a time that nobody of us can have written
            raise _unreadable(self._key(claim)) from error

    async def renew(self, claim: Claim) -> datetime | None:
        match await self._run(_Call.RENEW, claim, self._lease_milliseconds):
            case [b"renewed", int(until)]:
                return of_milliseconds(until)
            case _:
                return None

    async def confirm(self, claim: Claim, *, uncertain: bool) -> None:
        await self._run(_Call.CONFIRM, claim, int(uncertain))

    async def release(self, claim: Claim) -> bool:
        return _outcome(await self._run(_Call.RELEASE, claim)) == "released"

    async def refill(self, claim: Claim, sent_at: datetime, *, uncertain: bool) -> bool:
        """Add a send of the claim's event that is missing; whether it was. What is there stays as it is.

        It can make caps stricter, never wider. To be called beside workers, with a claim that nobody holds.
        """
        # Up to a whole millisecond, so that no cap ends too early.
        milliseconds = -((EPOCH - sent_at) // _MILLISECOND)
        return _outcome(await self._run(_Call.REFILL, claim, milliseconds, int(uncertain))) == "added"

    async def _run(self, call: _Call, claim: Claim, *arguments: _Argument) -> _Reply:
        loop = asyncio.get_running_loop()
        started, outcome = loop.time(), "unavailable"
        try:
            with translated_errors():
                reply: _Reply = await self._scripts[call]([self._key(claim)], [*_identity(claim), *arguments])
            outcome = _outcome(reply)
        except UnavailableError as error:
            self._failure = str(error)
            if self._state is not None:
                self._state.note(State.DEGRADED, str(error))
            raise
        finally:
            self._metrics.count(Metric.REDIS_CALLS, call=call, outcome=outcome)
            self._metrics.observe(Metric.REDIS_DURATION, loop.time() - started, call=call)
        if outcome == "unreadable":
            raise _unreadable(self._key(claim))
        return reply

    def _key(self, claim: Claim) -> str:
        return self._policy.key_prefix + quote(claim.user_id, safe="")


def _unreadable(key: str) -> UnavailableError:
    return UnavailableError(f"Redis holds something unreadable at the key {key}: delete it")


def _script(*parts: str) -> str:
    folder = files("saving_alerts.adapters") / "claim_scripts"
    return "\n".join((folder / f"{name}.lua").read_text("utf-8") for name in ("state", *parts))


def _identity(claim: Claim) -> tuple[str, ...]:
    return str(claim.position), claim.event_id, claim.merchant_id, claim.incarnation, str(claim.number)


def _encoded(caps: tuple[Cap, ...]) -> bytes:
    # Rounded up to whole milliseconds, so that no cap ends too early.
    windows = [-(-timedelta(hours=cap.hours) // _MILLISECOND) for cap in caps]
    rows = [{"per": cap.per, "pushes": cap.pushes, "window_ms": ms} for cap, ms in zip(caps, windows, strict=True)]
    return msgspec.json.encode(rows)


def _outcome(reply: _Reply) -> str:
    """The first item of a script's reply: which of the answers in docs/claims.md it is."""
    return reply[0].decode() if isinstance(reply[0], bytes) else str(reply[0])


def _reservation(reply: _Reply, caps: tuple[Cap, ...]) -> Reservation:
    match reply:
        case [b"granted", int(until), taken_over]:
            return Granted(of_milliseconds(until), bool(taken_over))
        case [b"already_sent", int(sent_at), uncertain]:
            return AlreadySent(of_milliseconds(sent_at), bool(uncertain))
        case [b"outnumbered"]:
            return Outnumbered()
    return _obstacle(reply, caps)


def _view(reply: _Reply, caps: tuple[Cap, ...]) -> View:
    match reply:
        case [b"free"]:
            return Free()
        case [b"known"]:
            return Known()
    return _obstacle(reply, caps)


def _obstacle(reply: _Reply, caps: tuple[Cap, ...]) -> Obstacle:
    match reply:
        case [b"duplicate_of", bytes(position)]:
            return DuplicateOf(SourcePosition.parse(position.decode()))
        case [b"cap_reached", int(index), int(until)]:
            return CapReached(caps[index - 1], of_milliseconds(until))
        case [b"busy", int(until), own_position]:
            return Busy(of_milliseconds(until), bool(own_position))
    raise RuntimeError(f"A claim script answered {reply!r}")
