"""The throttle on a real server beside a reference in memory: each call goes to both, and both must answer the same.

Time passes by moving everything the server has stored back, so that no test waits for a lease or a cap to end. Steps of
time are to keep away from leases and windows by more than TOLERANCE: a call on the server takes a moment.
"""

from collections import deque
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec
from hypothesis import HealthCheck, settings
from redis import asyncio as aioredis

from saving_alerts.adapters.redis_throttle import RedisThrottle, ThrottlePolicy
from saving_alerts.domain.caps import Cap
from saving_alerts.ports.throttle import (
    AlreadySent,
    Busy,
    CapReached,
    Charged,
    Claim,
    ControlCharge,
    Granted,
    Reservation,
    View,
)
from tests.contracts.throttle_harness import KEY_PREFIX, LEASE_SECONDS, TOKENS
from tests.support.fakes.clock import FakeClock
from tests.support.fakes.metrics import RecordingMetrics
from tests.support.fakes.throttle import FakeThrottle

TOLERANCE = timedelta(seconds=2)
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
KEY = f"{KEY_PREFIX}u-1"  # all claims are of one user
ERASED_KEY = f"{KEY_PREFIX}erased:{TOKENS.of_user('u-1')}"
MILLISECOND = timedelta(milliseconds=1)
REMEMBERED_CALLS = 6
LONG_RUN_EXAMPLES = 1_000
# As long as a released claim is remembered: nothing that was sent to Redis arrives later than this.
LATEST_ARRIVAL = timedelta(hours=1)

CallName = Literal["look", "reserve", "renew", "confirm", "confirm as uncertain", "release", "charge control"]
Answer = Reservation | View | ControlCharge | datetime | bool | None


def settings_for(examples: int) -> settings:
    """The same examples in every run of a few, new ones in a long run."""
    return settings(
        max_examples=examples,
        stateful_step_count=50,
        deadline=None,
        database=None,
        derandomize=examples < LONG_RUN_EXAMPLES,
        suppress_health_check=list(HealthCheck),
    )


@dataclass(frozen=True)
class Call:
    """One call of a script, which may be delivered a second time."""

    name: CallName
    claim: Claim
    caps: tuple[Cap, ...] = ()


@dataclass
class ThrottlePair:
    """`sent_calls`: the last calls and when each was sent; one of them may arrive again."""

    client: aioredis.Redis
    ahead: timedelta = timedelta(0)
    clock: FakeClock = field(default_factory=FakeClock)
    sent_calls: deque[tuple[Call, datetime]] = field(default_factory=lambda: deque(maxlen=REMEMBERED_CALLS))

    def __post_init__(self) -> None:
        self.real = RedisThrottle(self.client, ThrottlePolicy(LEASE_SECONDS, KEY_PREFIX, TOKENS), RecordingMetrics())
        self.reference = FakeThrottle(self.clock, LEASE_SECONDS)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    async def call(self, call: Call) -> Answer:
        """What both answered; AssertionError where they differ."""
        self.sent_calls.append((call, self.now()))
        return await self.deliver(call)

    async def deliver(self, call: Call) -> Answer:
        real_answer = await _answer(self.real, call)
        # The server's times plus the time that was skipped.
        answer = _with_time(real_answer, _time_of(real_answer) + self.ahead)
        self.clock.set(self.now())
        expected = await _answer(self.reference, call)
        assert _agree(answer, expected), f"{call}: the server says {answer}, the reference {expected}"
        await self._compare_slots()
        return answer

    async def _compare_slots(self) -> None:
        """Of what stands under the user; what is too old is gone at once in one of both."""
        entries = msgspec.json.decode(await self.stored() or b'{"entries": []}')["entries"]
        stored = {(each["position"], each["event_id"]): _slot_stored(each) for each in entries}
        kept = self.reference.users["u-1"].entries.values()
        expected = {(str(each.claim.position), each.claim.event_id): _milliseconds(each.slot_times) for each in kept}
        of_both = stored.keys() & expected.keys()
        differ = {each: (stored[each], expected[each]) for each in of_both if stored[each] != expected[each]}
        assert not differ, f"slots on the server, and of the reference: {differ}"

    def drop_old_calls(self) -> None:
        while self.sent_calls and self.now() - self.sent_calls[0][1] > LATEST_ARRIVAL:
            self.sent_calls.popleft()

    async def pass_time(self, duration: timedelta) -> None:
        self.ahead += duration
        self.drop_old_calls()
        for key in (KEY, ERASED_KEY):
            if (raw := await self.stored(key)) is not None:
                moved = msgspec.json.encode(_earlier(msgspec.json.decode(raw), duration // MILLISECOND))
                expires_at = await self.client.pexpiretime(key) - duration // MILLISECOND
                # An instant in the past deletes the key, as it would have expired.
                await self.client.set(key, moved, pxat=max(1, expires_at))

    async def erase(self) -> bool:
        """Whether both did; AssertionError where they differ, or where the user's own key is still there."""
        self.clock.set(self.now())
        busy, expected = await self.real.erase("u-1"), await self.reference.erase("u-1")
        assert (busy is None) == (expected is None), f"the server is busy until {busy}, the reference until {expected}"
        assert busy is not None or await self.stored() is None
        return busy is None

    async def stored(self, key: str = KEY) -> bytes | None:
        raw = await self.client.get(key)
        assert raw is None or isinstance(raw, bytes)
        return raw

    async def flush(self) -> None:
        await self.client.flushall()
        self.reference.users.clear()


def _slot_stored(entry: dict[str, int]) -> tuple[int, ...] | None:
    return (entry["slot_began"], entry["slot_ends"]) if "slot_began" in entry else None


def _milliseconds(slot: tuple[datetime, datetime] | None) -> tuple[int, ...] | None:
    return tuple((each - NEVER) // MILLISECOND for each in slot) if slot else None


def _earlier(stored: object, milliseconds: int) -> object:
    if isinstance(stored, list):
        return [_earlier(item, milliseconds) for item in stored]
    if isinstance(stored, dict):
        times = ("sent_at", "lease_until", "at")
        return {
            name: value - milliseconds if name in times else _earlier(value, milliseconds)
            for name, value in stored.items()
        }
    return stored


async def _answer(throttle: RedisThrottle | FakeThrottle, call: Call) -> Answer:
    match call.name:
        case "look":
            return await throttle.look(call.claim, call.caps)
        case "reserve":
            return await throttle.reserve(call.claim, call.caps)
        case "charge control":
            return await throttle.charge_control(call.claim, call.caps)
        case "renew":
            return await throttle.renew(call.claim)
        case "release":
            return await throttle.release(call.claim)
        case _:
            await throttle.confirm(call.claim, uncertain=call.name == "confirm as uncertain")
    return None


def _agree(answer: Answer, expected: Answer) -> bool:
    apart = abs(_time_of(answer) - _time_of(expected))
    if isinstance(answer, CapReached) and isinstance(expected, CapReached):
        return apart < TOLERANCE  # which of two caps ends later is not told by a millisecond
    return _with_time(answer, NEVER) == _with_time(expected, NEVER) and apart < TOLERANCE


def _time_of(answer: Answer) -> datetime:
    match answer:
        case datetime():
            return answer
        case Granted(at) | AlreadySent(at) | Charged(at) | CapReached(_, at) | Busy(at):
            return at
        case _:
            return NEVER


def _with_time(answer: Answer, at: datetime) -> Answer:
    match answer:
        case datetime():
            return at
        case Granted():
            return replace(answer, lease_until=at)
        case AlreadySent() | Charged():
            return replace(answer, sent_at=at)
        case Busy():
            return replace(answer, until=at)
        case CapReached(cap, _):
            return CapReached(cap, at)
        case _:
            return answer
