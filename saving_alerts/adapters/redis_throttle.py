"""Claims in Redis: one key for each user, and Lua scripts, each of them atomic (docs/claims.md).

Where users can be erased, what was charged to one stands at a second key, under their token. Every script looks at
both.

The driver repeats a call that got no answer, so a script may run twice for it: each is idempotent by its claim. A key
that does not hold what the scripts wrote is never overwritten: until an operator deletes it, every call for that user
raises UnavailableError with the key's name, and nothing is sent.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from importlib.resources import files
from urllib.parse import quote

import msgspec
from redis import asyncio as aioredis

from saving_alerts.adapters.claim_replies import Reply, control_charge_of, outcome_of, reservation_of, view_of
from saving_alerts.adapters.redis_connection import refuse_unsupported, translated_errors
from saving_alerts.dependencies import DependencyState, State
from saving_alerts.domain.caps import Cap
from saving_alerts.domain.erasures import EventAt, EventTokens, Tokens
from saving_alerts.domain.moments import EPOCH, of_milliseconds
from saving_alerts.domain.push_sends import PushSend
from saving_alerts.metrics import Metric, Metrics
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.ports.throttle import Claim, ControlCharge, Reservation, SlotTimes, View

# No user's key ends so, because a user's name is quoted in it.
NOBODY = "%check"
ERASED = "erased:"
# Each but the last finds that the user was written to between two calls.
_ERASE_ATTEMPTS = 3
# What the other scripts are told about: `erase` is about no event.
_NO_EVENT = ("",) * 5
_NO_TOKENS = ("",) * 3

_MILLISECOND = timedelta(milliseconds=1)

_Argument = str | bytes | int


@dataclass(frozen=True, slots=True)
class ThrottlePolicy:
    """`lease_seconds`: how long a claim holds without renewal. `key_prefix`: the beginning of every key.

    `tokens`: None where users cannot be erased.
    """

    lease_seconds: float
    key_prefix: str
    tokens: Tokens | None = None


class _Call(StrEnum):
    LOOK = "look"
    RESERVE = "reserve"
    CHARGE_CONTROL = "charge_control"
    RENEW = "renew"
    CONFIRM = "confirm"
    RELEASE = "release"
    REFILL = "refill"
    ERASE = "erase"


# What each script is made of, after `state`.
_PARTS: dict[_Call, tuple[str, ...]] = {
    **dict.fromkeys((_Call.LOOK, _Call.RESERVE, _Call.CHARGE_CONTROL), ("slot_times", "obstacles")),
    _Call.CONFIRM: ("slot_times",),
}


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
            reply: Reply = await self._check([key])
        if outcome_of(reply) == "unreadable":
            raise _unreadable(key)
        if failure is not None:
            raise UnavailableError(failure)

    async def look(self, claim: Claim, caps: tuple[Cap, ...]) -> View:
        reply = await self._run(_Call.LOOK, claim, _encoded(caps))
        try:
            return view_of(reply, caps)
        except (ValueError, OverflowError) as error:
            raise _unreadable(self._key(claim.user_id)) from error

    async def reserve(self, claim: Claim, caps: tuple[Cap, ...]) -> Reservation:
        reply = await self._run(_Call.RESERVE, claim, _encoded(caps), self._lease_milliseconds)
        try:
            return reservation_of(reply, caps)
        except (ValueError, OverflowError) as error:  # a position or a time that nobody of us can have written
            raise _unreadable(self._key(claim.user_id)) from error

    async def charge_control(self, claim: Claim, caps: tuple[Cap, ...]) -> ControlCharge:
        reply = await self._run(_Call.CHARGE_CONTROL, claim, _encoded(caps))
        try:
            return control_charge_of(reply, caps)
        except (ValueError, OverflowError) as error:
            raise _unreadable(self._key(claim.user_id)) from error

    async def renew(self, claim: Claim) -> datetime | None:
        match await self._run(_Call.RENEW, claim, self._lease_milliseconds):
            case [b"renewed", int(until)]:
                return of_milliseconds(until)
            case _:
                return None

    async def confirm(self, claim: Claim, *, uncertain: bool) -> None:
        await self._run(_Call.CONFIRM, claim, int(uncertain))

    async def release(self, claim: Claim) -> bool:
        return outcome_of(await self._run(_Call.RELEASE, claim)) == "released"

    async def refill(self, claim: Claim, send: PushSend) -> bool:
        """Add a send of the claim's event that is missing; whether it was. What is there stays as it is.

        It can make caps stricter, never wider. To be called beside workers, with a claim that nobody holds.
        """
        return outcome_of(await self._run(_Call.REFILL, claim, *_charge(send))) == "added"

    async def refill_erased(self, user_token: str, event: EventTokens, send: PushSend) -> bool:
        """As `refill`, of a send of a user who was erased, as the Table has it."""
        arguments = (*event, NOBODY, "0", *_charge(send))
        return outcome_of(await self._call(_Call.REFILL, [self._erased_key(user_token)], arguments)) == "added"

    async def erase(self, user_id: str) -> datetime | None:
        if self._policy.tokens is None:
            raise UnavailableError("users cannot be erased: there is no secret for their tokens")
        for _ in range(_ERASE_ATTEMPTS):
            match await self._erase_once(user_id, self._policy.tokens):
                case [b"erased"]:
                    return None
                case [b"busy", int(until)]:
                    return of_milliseconds(until)
        raise UnavailableError("the claims of a user change faster than they can be erased: it is tried again")

    async def _erase_once(self, user_id: str, tokens: Tokens) -> Reply:
        """The script cannot make tokens, so it says first which texts need one."""
        known: defaultdict[str, dict[str, str]] = defaultdict(dict)
        keys = self._keys(user_id)
        reply = await self._call(_Call.ERASE, keys, (*_NO_EVENT, msgspec.json.encode(known), *_NO_TOKENS))
        if outcome_of(reply) != "unknown":
            return reply
        texts = [text.decode() for text in reply[1:] if isinstance(text, bytes)]
        for kind, text in zip(texts[::2], texts[1::2], strict=True):
            known[kind][text] = tokens.of_text(user_id, kind, text)
        return await self._call(_Call.ERASE, keys, (*_NO_EVENT, msgspec.json.encode(known), *_NO_TOKENS))

    async def _run(self, call: _Call, claim: Claim, *arguments: _Argument) -> Reply:
        tokens = self._policy.tokens
        event = EventAt(claim.position, claim.event_id, claim.merchant_id)
        erased = () if tokens is None else tokens.of_event(claim.user_id, event)
        slot = _encoded_slot(claim, tokens)
        return await self._call(call, self._keys(claim.user_id), (*_identity(claim), *arguments, slot, *erased))

    async def _call(self, call: _Call, keys: Sequence[str], arguments: Sequence[_Argument]) -> Reply:
        loop = asyncio.get_running_loop()
        started, outcome = loop.time(), "unavailable"
        try:
            with translated_errors():
                reply: Reply = await self._scripts[call](keys, arguments)
            outcome = outcome_of(reply)
        except UnavailableError as error:
            self._failure = str(error)
            if self._state is not None:
                self._state.note(State.DEGRADED, str(error))
            raise
        finally:
            self._metrics.count(Metric.REDIS_CALLS, call=call, outcome=outcome)
            self._metrics.observe(Metric.REDIS_DURATION, loop.time() - started, call=call)
        if outcome == "unreadable":
            raise _unreadable(keys[int(reply[1]) - 1])
        return reply

    def _keys(self, user_id: str) -> list[str]:
        tokens = self._policy.tokens
        erased = [] if tokens is None else [self._erased_key(tokens.of_user(user_id))]
        return [self._key(user_id), *erased]

    def _key(self, user_id: str) -> str:
        return self._policy.key_prefix + quote(user_id, safe="")

    def _erased_key(self, user_token: str) -> str:
        """No user's key is like it, because a user's name is quoted."""
        return f"{self._policy.key_prefix}{ERASED}{user_token}"


def _unreadable(key: str) -> UnavailableError:
    return UnavailableError(f"Redis holds something unreadable at the key {key}: delete it")


def _script(*parts: str) -> str:
    folder = files("saving_alerts.adapters") / "claim_scripts"
    return "\n".join((folder / f"{name}.lua").read_text("utf-8") for name in ("state", *parts))


def _identity(claim: Claim) -> tuple[str, ...]:
    return str(claim.position), claim.event_id, claim.merchant_id, claim.incarnation, str(claim.number)


def _encoded_slot(claim: Claim, tokens: Tokens | None) -> bytes:
    """Those that were gathered with the event, each with the token by which what was erased is found, and the times."""
    user_id = claim.user_id
    others = [(each, tokens.of_text(user_id, "event_id", each) if tokens else "") for each in claim.slot]
    times = {} if claim.slot_times is None else {"times": _encoded_times(claim.slot_times)}
    return msgspec.json.encode({"others": others, **times})


def _encoded_times(times: SlotTimes) -> dict[str, object]:
    members = [[(moment - EPOCH) // _MILLISECOND for moment in each] for each in times.members]
    at = (times.received_at - EPOCH) // _MILLISECOND
    return {"at": at, "within": times.within // _MILLISECOND, "members": members}


def _charge(send: PushSend) -> tuple[int, int, int]:
    # Up to a whole millisecond, so that no cap ends too early.
    return -((EPOCH - send.sent_at) // _MILLISECOND), int(send.uncertain), int(send.control)


def _encoded(caps: tuple[Cap, ...]) -> bytes:
    # Rounded up to whole milliseconds, so that no cap ends too early.
    windows = [-(-timedelta(hours=cap.hours) // _MILLISECOND) for cap in caps]
    rows = [{"per": cap.per, "pushes": cap.pushes, "window_ms": ms} for cap, ms in zip(caps, windows, strict=True)]
    return msgspec.json.encode(rows)
