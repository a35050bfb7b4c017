"""Claims in Redis: one key for each user, and four Lua scripts that each change it atomically (docs/claims.md).

The driver repeats a call that got no answer, so a script may run twice for it: each is idempotent by its claim. A key
that does not hold what the scripts wrote is never overwritten: until an operator deletes it, every call for that user
raises UnavailableError with the key's name, and nothing is sent.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from importlib.resources import files
from urllib.parse import quote

import msgspec
from redis import asyncio as aioredis

from saving_alerts.adapters.redis_connection import translated_errors
from saving_alerts.domain.caps import Cap
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.metrics import Metric, Metrics
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.ports.throttle import AlreadySent, Busy, CapReached, Claim, DuplicateOf, Granted, Reservation

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

_Argument = str | bytes | int
_Reply = Sequence[bytes | int]


@dataclass(frozen=True, slots=True)
class ThrottlePolicy:
    """`lease_seconds`: how long a claim holds without renewal. `key_prefix`: the beginning of every key."""

    lease_seconds: float
    key_prefix: str


class _Call(StrEnum):
    RESERVE = "reserve"
    RENEW = "renew"
    CONFIRM = "confirm"
    RELEASE = "release"


class RedisThrottle:
    """The Throttle port, on a client whose answers are bytes. Its times are Redis' clock, in whole milliseconds."""

    def __init__(self, client: aioredis.Redis, policy: ThrottlePolicy, metrics: Metrics) -> None:
        self._policy = policy
        self._lease_milliseconds = round(policy.lease_seconds * 1000)
        self._metrics = metrics
        self._scripts = {call: client.register_script(_script(call)) for call in _Call}

    async def reserve(self, claim: Claim, caps: tuple[Cap, ...]) -> Reservation:
        reply = await self._run(_Call.RESERVE, claim, self._lease_milliseconds, _encoded(caps))
        return _reservation(reply, claim, caps)

    async def renew(self, claim: Claim) -> datetime | None:
        match await self._run(_Call.RENEW, claim, self._lease_milliseconds):
            case [b"renewed", int(until)]:
                return _instant(until)
            case _:
                return None

    async def confirm(self, claim: Claim, *, uncertain: bool) -> None:
        await self._run(_Call.CONFIRM, claim, int(uncertain))

    async def release(self, claim: Claim) -> bool:
        return _outcome(await self._run(_Call.RELEASE, claim)) == "released"

    async def _run(self, call: _Call, claim: Claim, *arguments: _Argument) -> _Reply:
        loop = asyncio.get_running_loop()
        started, outcome = loop.time(), "unavailable"
        try:
            with translated_errors():
                reply: _Reply = await self._scripts[call]([self._key(claim)], [*_identity(claim), *arguments])
            outcome = _outcome(reply)
        finally:
            self._metrics.count(Metric.REDIS_CALLS, call=call, outcome=outcome)
            self._metrics.observe(Metric.REDIS_DURATION, loop.time() - started, call=call)
        if outcome == "unreadable":
            raise UnavailableError(f"Redis holds something unreadable at the key {self._key(claim)}: delete it")
        return reply

    def _key(self, claim: Claim) -> str:
        return self._policy.key_prefix + quote(claim.user_id, safe="")


def _script(call: _Call) -> str:
    folder = files("saving_alerts.adapters") / "claim_scripts"
    return "\n".join((folder / f"{name}.lua").read_text("utf-8") for name in ("state", call))


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


def _reservation(reply: _Reply, claim: Claim, caps: tuple[Cap, ...]) -> Reservation:
    match reply:
        case [b"granted", int(until), taken_over]:
            return Granted(_instant(until), bool(taken_over))
        case [b"already_sent", int(sent_at), uncertain]:
            return AlreadySent(_instant(sent_at), bool(uncertain))
        case [b"duplicate_of", bytes(position)]:
            return DuplicateOf(SourcePosition.parse(position.decode()))
        case [b"cap_reached", int(index), int(until)]:
            return CapReached(caps[index - 1], _instant(until))
        case [b"busy", int(until), own_position]:
            return Busy(_instant(until), bool(own_position))
        case [b"was_released"]:
            raise ValueError(f"{claim} was released: claim again with another number")
    raise RuntimeError(f"The reserve script answered {reply!r}")


def _instant(milliseconds: int) -> datetime:
    return _EPOCH + milliseconds * _MILLISECOND
