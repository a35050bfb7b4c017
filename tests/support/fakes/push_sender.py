"""A `PushSender` in memory that keeps docs/contracts.md, and misbehaves on demand."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from saving_alerts.domain.alerts import Push
from saving_alerts.ports.clock import Clock
from saving_alerts.ports.push_sender import Accepted, Attempt, Refused, Throttled, TooLate, Unclear


class Lost(Enum):
    """An attempt without an answer."""

    ACCEPTED = auto()  # it was accepted
    DROPPED = auto()  # it never arrived


@dataclass(frozen=True)
class Sent:
    push: Push
    key: str
    not_after: datetime
    at: datetime


class FakePushSender:
    """Accepts each key once and nothing late. `attempts` is every attempt, `accepted` what reached its shopper."""

    def __init__(self, clock: Clock, concurrency: int = 64) -> None:
        self._clock = clock
        self._slots = asyncio.Semaphore(concurrency)
        self._script: deque[Attempt | Lost] = deque()
        self._not_before: datetime | None = None
        self.refuses: Refused | None = None  # what every attempt hears, and nothing is sent
        self.looked_at = 0  # how often `refusal` was asked
        self.attempts: list[Sent] = []
        self.accepted: list[Sent] = []

    def ends(self, *endings: Attempt | Lost) -> None:
        """The next attempts end like this, one after the other; afterwards as docs/contracts.md says."""
        self._script.extend(endings)

    def goes_down(self, until: datetime) -> None:
        """No attempt may start before `until`."""
        self._not_before = until

    @asynccontextmanager
    async def slot(self, deadline: datetime) -> AsyncIterator[bool]:
        has_slot = await self._waited(deadline) and await self._took_slot(deadline)
        try:
            yield has_slot
        finally:
            if has_slot:
                self._slots.release()

    def refusal(self, push: Push) -> Refused | None:
        self.looked_at += 1
        return self.refuses

    async def attempt(self, push: Push, key: str, not_after: datetime) -> Attempt:
        await asyncio.sleep(0)
        if self.refuses is not None:
            return self.refuses
        sent = Sent(push, key, not_after, self._clock.now())
        self.attempts.append(sent)
        ending = self._script.popleft() if self._script else self._by_contract(sent)
        if isinstance(ending, Throttled):
            self._not_before = self._clock.now() + ending.retry_after
        if not isinstance(ending, Lost):
            return ending
        if ending is Lost.ACCEPTED:
            self._by_contract(sent)
        return Unclear("the fake lost the answer")

    def _by_contract(self, sent: Sent) -> Attempt:
        if any(sent.key == accepted.key for accepted in self.accepted):
            return Accepted(409)
        if sent.at > sent.not_after:
            return TooLate()
        self.accepted.append(sent)
        return Accepted(201)

    async def _waited(self, deadline: datetime) -> bool:
        while (now := self._clock.now()) < deadline:
            if self._not_before is None or now >= self._not_before:
                return True
            await self._clock.sleep(min(self._not_before, deadline) - now)
        return False

    async def _took_slot(self, deadline: datetime) -> bool:
        try:
            async with asyncio.timeout((deadline - self._clock.now()).total_seconds()):
                return await self._slots.acquire()
        except TimeoutError:
            return False
