"""One interface to the fake and to the real throttle, and helpers of the throttle tests."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Protocol

from redis import asyncio as aioredis

from saving_alerts.adapters.redis_throttle import RedisThrottle, ThrottlePolicy
from saving_alerts.domain.caps import Cap, CapPer
from saving_alerts.domain.erasures import Tokens
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.ports.throttle import AlreadySent, Claim, Granted, Reservation, SlotTimes, Throttle
from tests.support.fakes.charged_users import User
from tests.support.fakes.clock import FakeClock
from tests.support.fakes.metrics import RecordingMetrics
from tests.support.fakes.throttle import FakeThrottle

LEASE_SECONDS = 20.0
BRIEF_LEASE_SECONDS = 0.05
DAILY = Cap(CapPer.USER, 1, 24)
TWICE_A_DAY = Cap(CapPer.USER, 2, 24)
DAILY_PER_MERCHANT = Cap(CapPer.USER_AND_MERCHANT, 1, 24)
WEEKLY = Cap(CapPer.USER, 1, 168)
BRIEF_CAP = Cap(CapPer.USER, 1, 0.05 / 3600)
KEY_PREFIX = "test:claims:"
TOKENS = Tokens("a secret of the tests, of 32 letters")
SLOT_SECONDS = 10.0
EVENTS_BEGAN = datetime(2026, 11, 23, 10, tzinfo=UTC)  # of nobody's clock
POLL_SECONDS = 0.002
WAIT_SECONDS = 10


class Harness(Protocol):
    """A store of claims; each `throttle` is one worker on it."""

    def throttle(self, lease_seconds: float = LEASE_SECONDS) -> Throttle: ...

    async def wait_until(self, moment: datetime) -> None:
        """Return when the store's clock is at `moment` or later."""

    async def now(self) -> datetime:
        """The time of the store's clock."""

    async def flush(self) -> None:
        """Lose all data."""


class FakeHarness:
    def __init__(self) -> None:
        self._clock = FakeClock()
        self._users: dict[str, User] = {}

    def throttle(self, lease_seconds: float = LEASE_SECONDS) -> Throttle:
        return FakeThrottle(self._clock, lease_seconds, self._users)

    async def wait_until(self, moment: datetime) -> None:
        self._clock.set(max(self._clock.now(), moment))

    async def now(self) -> datetime:
        return self._clock.now()

    async def flush(self) -> None:
        self._users.clear()


class RealHarness:
    def __init__(self, client: aioredis.Redis) -> None:
        self._client = client

    def throttle(self, lease_seconds: float = LEASE_SECONDS) -> Throttle:
        return RedisThrottle(self._client, ThrottlePolicy(lease_seconds, KEY_PREFIX, TOKENS), RecordingMetrics())

    async def wait_until(self, moment: datetime) -> None:
        async with asyncio.timeout(WAIT_SECONDS):
            while await self.now() < moment:  # noqa: ASYNC110 - the clock is in another process
                await asyncio.sleep(POLL_SECONDS)

    async def now(self) -> datetime:
        seconds, microseconds = await self._client.time()
        return datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=microseconds)

    async def flush(self) -> None:
        await self._client.flushall()


_numbers = count(1)


def claim_of(
    offset: int,
    incarnation: str = "worker-a",
    number: int | None = None,
    event_id: str | None = None,
    merchant_id: str = "m-1",
    user_id: str = "u-1",
    slot: tuple[str, ...] = (),
    *,
    slot_times: SlotTimes | None = None,
) -> Claim:
    return Claim(
        user_id=user_id,
        merchant_id=merchant_id,
        event_id=event_id or f"event-{offset}",
        position=SourcePosition("saving-events", 3, offset),
        incarnation=incarnation,
        number=next(_numbers) if number is None else number,
        slot=slot,
        slot_times=slot_times,
    )


def slot_times(at: float, began: float | None = None, lasts: float = SLOT_SECONDS) -> SlotTimes:
    """In seconds of the events' own time. With `began` another event of that moment was gathered, too."""
    moments = [EVENTS_BEGAN + timedelta(seconds=each) for each in sorted({at, at if began is None else began})]
    members = tuple((each, each + timedelta(minutes=5)) for each in moments)
    return SlotTimes(EVENTS_BEGAN + timedelta(seconds=at), timedelta(seconds=lasts), members)


def granted(reservation: Reservation) -> Granted:
    assert isinstance(reservation, Granted)
    return reservation


async def ended(harness: Harness, claim: Claim, caps: tuple[Cap, ...] = ()) -> datetime:
    """Let `claim` be reserved and its lease end unconfirmed, as after a crash. Returns the lease's end."""
    until = granted(await harness.throttle(BRIEF_LEASE_SECONDS).reserve(claim, caps)).lease_until
    await harness.wait_until(until)
    return until


async def sent_at(throttle: Throttle, claim: Claim) -> datetime:
    answer = await throttle.reserve(claim, ())
    assert isinstance(answer, AlreadySent)
    return answer.sent_at
