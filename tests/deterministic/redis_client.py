"""The Throttle port of one worker: calls and answers get lost, and some arrive when nobody waits for them any more."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, TypeVar, cast

from saving_alerts.domain.caps import Cap
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.ports.throttle import Charged, Claim, ControlCharge, Granted, Reservation, View
from tests.deterministic.claim_rules import ClaimRules
from tests.deterministic.world import Actor, World, at_once, settle

Answer = TypeVar("Answer")
TIMEOUT_SECONDS = 0.5
LATEST_SECONDS = 3.0


class RedisClient:
    """Redis itself is `world.redis`, which the contract suite holds against the real one."""

    def __init__(self, world: World, worker: Actor, rules: ClaimRules) -> None:
        self._world, self._worker, self._rules = world, worker, rules

    async def check(self) -> None: ...

    async def look(self, claim: Claim, caps: tuple[Cap, ...]) -> View:
        redis = self._world.redis
        self._rules.asks(claim)
        view = await self._call("look", claim, lambda: redis.look(claim, caps))
        self._rules.looked(claim)
        return view

    async def reserve(self, claim: Claim, caps: tuple[Cap, ...]) -> Reservation:
        redis = self._world.redis
        reservation = await self._call("reserve", claim, lambda: redis.reserve(claim, caps))
        self._rules.reserved(claim, reservation)
        return reservation

    async def charge_control(self, claim: Claim, caps: tuple[Cap, ...]) -> ControlCharge:
        redis = self._world.redis
        self._rules.asks(claim)
        charge = await self._call("reserve", claim, lambda: redis.charge_control(claim, caps))
        self._rules.looked(claim)
        return charge

    async def renew(self, claim: Claim) -> datetime | None:
        lease_until = await self._call("renew", claim, lambda: self._world.redis.renew(claim))
        self._rules.renewed(claim, lease_until)
        return lease_until

    async def confirm(self, claim: Claim, *, uncertain: bool) -> None:
        self._rules.confirms(claim)
        try:
            await self._call("confirm", claim, lambda: self._world.redis.confirm(claim, uncertain=uncertain))
        finally:
            self._rules.confirmed(claim)

    async def release(self, claim: Claim) -> bool:
        self._rules.releases(claim)
        return await self._call("release", claim, lambda: self._world.redis.release(claim))

    async def erase(self, user_id: str) -> datetime | None:
        raise AssertionError(f"nobody orders it here, and it would be {user_id}")

    async def _call(self, name: str, claim: Claim, ask: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        world, odds = self._world, self._world.odds
        world.did(self._worker, name, claim.position, f"claim {claim.number}")
        answer: asyncio.Future[Answer] = world.loop.create_future()
        is_late = world.chance(odds.redis_late)
        is_heard = not is_late and not world.chance(odds.redis_answer_lost)
        if not world.redis_is_away and not world.chance(odds.redis_lost):
            delay = world.random.uniform(TIMEOUT_SECONDS, LATEST_SECONDS) if is_late else self._travel_seconds()
            world.later(delay, self._arrive, name, claim, ask, answer if is_heard else None)
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                return await answer
        except TimeoutError:
            world.fact(claim.position).hit = True
            raise UnavailableError("Redis did not answer") from None

    def _travel_seconds(self) -> float:
        """So long that both ways fit into the time that a call has, if only just."""
        slow = self._world.chance(self._world.odds.redis_slow)
        return self._world.random.uniform(0.2, 0.24) if slow else self._world.soon(0.2)

    def _arrive(
        self,
        name: str,
        claim: Claim,
        ask: Callable[[], Coroutine[Any, Any, Answer]],
        answer: "asyncio.Future[Answer] | None",
    ) -> None:
        result = at_once(ask())
        if name == "reserve":
            self._world.slots.reserved(claim, cast("Reservation | ControlCharge", result))
        if name == "release" and result is True:
            self._world.slots.released(claim)
        if name == "reserve" and answer is None and isinstance(result, Granted | Charged):
            self._world.fact(claim.position).unheard = True
        self._world.arrives(self._worker, f"{name} arrives", claim.position, "->", result)
        if answer is not None:
            self._world.later(self._travel_seconds(), settle, answer, result)
