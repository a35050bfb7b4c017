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
from datetime import datetime
from enum import StrEnum
from importlib.resources import files
from urllib.parse import quote

import msgspec
from redis import asyncio as aioredis

from saving_alerts.adapters.claim_arguments import charge, encoded_budgets, encoded_caps, encoded_slot, identity
from saving_alerts.adapters.claim_replies import Reply, control_charge_of, outcome_of, reservation_of, view_of
from saving_alerts.adapters.redis_connection import refuse_unsupported, translated_errors
from saving_alerts.adapters.redis_shared_calls import Argument, SharedCalls
from saving_alerts.dependencies import DependencyState, State
from saving_alerts.domain.caps import Cap
from saving_alerts.domain.erasures import EventAt, EventTokens, Tokens
from saving_alerts.domain.moments import of_milliseconds
from saving_alerts.domain.push_sends import PushSend
from saving_alerts.metrics import Metric, Metrics
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.ports.throttle import Claim, ControlCharge, Reservation, View

# No user's key ends so, because a user's name is quoted in it.
NOBODY = "%check"
ERASED = "erased:"
BUDGET, KNOWN_BUDGETS = "%budget:", "%budgets"
# Each but the last finds that the user was written to between two calls.
_ERASE_ATTEMPTS = 3
# What the other scripts are told about: `erase` is about no event.
_NO_EVENT = ("",) * 5
_NO_TOKENS = ("",) * 3


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


# Whether the claim counts for budgets: what the scripts of `_OF_BUDGETS` are made of then, after `state`.
_BUDGETS = {False: ("no_budgets",), True: ("known_since", "budgets")}
_OBSTACLES = (_Call.LOOK, _Call.RESERVE, _Call.CHARGE_CONTROL)
_OF_BUDGETS = (*_OBSTACLES, _Call.RELEASE)


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
        self._shared_calls = SharedCalls(client)
        self._scripts = {
            (call, has_budgets): client.register_script(_script(*_parts(call, has_budgets=has_budgets), call))
            for call in _Call
            for has_budgets in _BUDGETS
        }
        self._check = client.register_script(_script("known_since", "check"))
        self._failure: str | None = None  # the last one since the last check

    async def check(self) -> None:
        failure, self._failure = self._failure, None
        await refuse_unsupported(self._client)
        key = f"{self._policy.key_prefix}{NOBODY}"
        with translated_errors():
            reply: Reply = await self._check([key, self._known_budgets])
        if outcome_of(reply) == "unreadable":
            raise _unreadable(key)
        if failure is not None:
            raise UnavailableError(failure)

    async def look(self, claim: Claim, caps: tuple[Cap, ...]) -> View:
        reply = await self._run(_Call.LOOK, claim, encoded_caps(caps))
        try:
            return view_of(reply, caps, claim.budgets)
        except (ValueError, OverflowError) as error:
            raise _unreadable(self._key(claim.user_id)) from error

    async def reserve(self, claim: Claim, caps: tuple[Cap, ...]) -> Reservation:
        reply = await self._run(_Call.RESERVE, claim, encoded_caps(caps), self._lease_milliseconds)
        try:
            return reservation_of(reply, caps, claim.budgets)
        except (ValueError, OverflowError) as error:  # a position or a time that nobody of us can have written
            raise _unreadable(self._key(claim.user_id)) from error

    async def charge_control(self, claim: Claim, caps: tuple[Cap, ...]) -> ControlCharge:
        reply = await self._run(_Call.CHARGE_CONTROL, claim, encoded_caps(caps))
        try:
            return control_charge_of(reply, caps, claim.budgets)
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
        return outcome_of(await self._run(_Call.REFILL, claim, *charge(send))) == "added"

    async def refill_erased(self, user_token: str, event: EventTokens, send: PushSend) -> bool:
        """As `refill`, of a send of a user who was erased, as the Table has it."""
        arguments = (*event, NOBODY, "0", *charge(send))
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

    async def _run(self, call: _Call, claim: Claim, *arguments: Argument) -> Reply:
        tokens = self._policy.tokens
        event = EventAt(claim.position, claim.event_id, claim.merchant_id)
        erased = () if tokens is None else tokens.of_event(claim.user_id, event)
        slot = encoded_slot(claim, tokens)
        keys = (*self._keys(claim.user_id), *self._budget_keys(claim))
        return await self._call(
            call,
            keys,
            (*identity(claim), *arguments, encoded_budgets(claim), slot, *erased),
            has_budgets=bool(claim.budgets),
        )

    async def _call(
        self, call: _Call, keys: Sequence[str], arguments: Sequence[Argument], *, has_budgets: bool = False
    ) -> Reply:
        loop = asyncio.get_running_loop()
        started, outcome = loop.time(), "unavailable"
        try:
            with translated_errors():
                reply = await self._shared_calls.call(self._scripts[call, has_budgets], keys, arguments)
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

    def _budget_keys(self, claim: Claim) -> list[str]:
        """Last the one that says since when this server knows of budgets."""
        if not claim.budgets:
            return []
        named = [f"{self._policy.key_prefix}{BUDGET}{quote(day.name, safe=':')}" for day in claim.budgets]
        return [*named, self._known_budgets]

    @property
    def _known_budgets(self) -> str:
        return f"{self._policy.key_prefix}{KNOWN_BUDGETS}"

    def _key(self, user_id: str) -> str:
        return self._policy.key_prefix + quote(user_id, safe="")

    def _erased_key(self, user_token: str) -> str:
        """No user's key is like it, because a user's name is quoted."""
        return f"{self._policy.key_prefix}{ERASED}{user_token}"


def _unreadable(key: str) -> UnavailableError:
    return UnavailableError(f"Redis holds something unreadable at the key {key}: delete it")


def _parts(call: _Call, *, has_budgets: bool) -> tuple[str, ...]:
    budgets = _BUDGETS[has_budgets] if call in _OF_BUDGETS else ()
    slot_times = ("slot_times",) if call in (*_OBSTACLES, _Call.CONFIRM) else ()
    obstacles = ("obstacles",) if call in _OBSTACLES else ()
    return (*budgets, *slot_times, *obstacles)


def _script(*parts: str) -> str:
    folder = files("saving_alerts.adapters") / "claim_scripts"
    return "\n".join((folder / f"{name}.lua").read_text("utf-8") for name in ("state", *parts))
