"""How a stub API misbehaves: for everyone or for one user, a number of times or until it is changed.

A fault either stops a request before it does anything (`status`, `ambiguous_dropped`, `unanswered`), delays it (`hang`,
a latency), or changes the answer of a request that was handled as usual (all others).
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Literal, get_args

import msgspec

Fault = Literal[
    "none",
    "hang",  # no answer until released; then the request goes on as if it had just arrived
    "unanswered",  # no answer, also after the behaviour is replaced: the connection stays open until the stub stops
    "status",  # answers `status` and does nothing
    "ambiguous_dropped",  # closes the connection and does nothing
    "ambiguous_accepted",  # handles the request; then closes the connection, or answers `status`
    "slow_headers",  # handles the request; its answer's headers never come to an end
    "garbled",  # handles the request; the body is not JSON
    "truncated",  # handles the request; the body ends in the middle
    "oversize",  # handles the request; the body is longer than 256 KiB, and no header says so
    "too_many",  # Coupon API only: more than 200 coupons
    "accepts_late",  # push API only: takes no notice of Request-Not-After
]
ALL_FAULTS: frozenset[Fault] = frozenset(get_args(Fault))


class Behaviour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One way to treat requests.

    `times` is how many requests it applies to (None: all). `status` goes with the faults `status` (needed) and
    `ambiguous_accepted`. Raises ValueError for a combination that means nothing.
    """

    fault: Fault = "none"
    latency_seconds: float = 0.0
    status: int | None = None
    retry_after_seconds: int | None = None
    times: int | None = None

    def __post_init__(self) -> None:
        if self.fault == "status" and self.status is None:
            raise ValueError("the fault `status` needs a `status`")
        if self.status is not None and self.fault not in ("status", "ambiguous_accepted"):
            raise ValueError(f"the fault `{self.fault}` has no `status`")
        if self.status is not None and not 200 <= self.status <= 599:  # noqa: PLR2004 HTTP's own range
            raise ValueError("`status` must be from 200 to 599")
        if self.latency_seconds < 0 or (self.times is not None and self.times < 1):
            raise ValueError("`latency_seconds` must not be negative, `times` at least 1")


NORMAL = Behaviour()


@dataclass(frozen=True, slots=True)
class AppliedBehaviour:
    """The behaviour of one request.

    `released` is set when the script that it comes from is replaced, `stopped` when the stub stops.
    """

    behaviour: Behaviour
    released: asyncio.Event | None = None
    stopped: asyncio.Event | None = None

    async def waited(self) -> None:
        """Returns when the latency is over or the request is released, whichever is first."""
        if self.behaviour.fault == "unanswered" and self.stopped:
            await self.stopped.wait()
        elif self.behaviour.fault == "hang":
            await self.released_within(None)
        elif self.behaviour.latency_seconds:
            await self.released_within(self.behaviour.latency_seconds)

    async def released_within(self, seconds: float | None) -> bool:
        """Waits so long (None: for ever); whether the request was released meanwhile."""
        if self.released is None:
            return True
        try:
            async with asyncio.timeout(seconds):
                return await self.released.wait()
        except TimeoutError:
            return False


class _Script:
    """Behaviours that follow one another, each for its `times` requests."""

    def __init__(self, behaviours: tuple[Behaviour, ...]) -> None:
        self._behaviours: Iterator[Behaviour] = chain.from_iterable(
            repeat(each) if each.times is None else repeat(each, each.times) for each in behaviours
        )
        self.released = asyncio.Event()

    def take(self, stopped: asyncio.Event) -> AppliedBehaviour | None:
        behaviour = next(self._behaviours, None)
        return AppliedBehaviour(behaviour, self.released, stopped) if behaviour else None


class Behaviours:
    """What a stub does now: a script for everyone and scripts for single users, which come first while they last.

    Safe to use from any thread. `in_loop` runs a function in the stub's event loop, soon.
    """

    def __init__(self, faults: frozenset[Fault], in_loop: Callable[[Callable[[], None]], None]) -> None:
        self._faults = faults
        self._in_loop = in_loop
        self._lock = threading.Lock()
        self._scripts: dict[str | None, _Script] = {}
        self._stopped = asyncio.Event()

    def replace(self, behaviours: tuple[Behaviour, ...], user_id: str | None) -> None:
        """Replaces a script at once, and releases the requests that wait by the old one; no behaviours: back to normal.

        Raises ValueError for a fault this stub does not have.
        """
        for behaviour in behaviours:
            if behaviour.fault not in self._faults:
                raise ValueError(f"this stub has no fault `{behaviour.fault}`")
        with self._lock:
            old = self._scripts.get(user_id)
            self._scripts[user_id] = _Script(behaviours)
        self._release([old] if old else [])

    def clear(self) -> None:
        """Back to normal for everyone; requests that wait are released."""
        with self._lock:
            old, self._scripts = list(self._scripts.values()), {}
        self._release(old)

    def release(self) -> None:
        """The stub stops: releases the requests that wait now; the behaviours stay."""
        with self._lock:
            waited_on = [self._stopped, *(script.released for script in self._scripts.values())]
            self._stopped = asyncio.Event()
            for script in self._scripts.values():
                script.released = asyncio.Event()
        for event in waited_on:
            self._in_loop(event.set)

    def take(self, user_id: str | None) -> AppliedBehaviour:
        """Takes the behaviour for one request of this user from the scripts."""
        with self._lock:
            for key in (user_id, None):
                script = self._scripts.get(key)
                applied = script and script.take(self._stopped)
                if applied:
                    return applied
        return AppliedBehaviour(NORMAL)

    def _release(self, scripts: list[_Script]) -> None:
        for script in scripts:
            self._in_loop(script.released.set)
