"""What dispatch relies on in a PushSender, for the fake and for the real client of the stub push API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Protocol

import msgspec
import pytest
import pytest_asyncio

from demo.stub_apis.faults import Behaviour, Fault
from demo.stub_apis.push_api import PushApi as PushApiStub
from saving_alerts.adapters.push_api import PushApi, PushApiPolicy
from saving_alerts.domain.alerts import Push, PushTrace, rfc3339
from saving_alerts.ports.push_sender import Accepted, PushSender, Refused, Throttled, TooLate, Unclear
from tests.support.fakes.clock import START, FakeClock
from tests.support.fakes.metrics import RecordingMetrics
from tests.support.fakes.push_sender import FakePushSender, Lost

pytestmark = pytest.mark.asyncio

SOON = START + timedelta(minutes=10)
LEASE_END = START + timedelta(seconds=20)
PUSH = Push(
    user_id="u-1",
    title="Zehn Prozent",
    body="Bei dir um die Ecke",
    deep_link="https://app.example/c-1",
    locale="de-DE",
    category="saving_alert",
    collapse_key="m-1",
    ttl_seconds=600,
    not_after=rfc3339(SOON),
    trace=PushTrace("e-1", "d-1", "r-1", "abc"),
)


class Harness(Protocol):
    """A sender, and what its push API is to do. `throttles_once` asks for a pause of 7 s."""

    @property
    def sender(self) -> PushSender: ...

    def refuses_once(self) -> None: ...

    def too_large(self) -> Push: ...

    def throttles_once(self) -> None: ...

    def loses_once(self, lost: Lost) -> None: ...

    def accepted(self) -> list[tuple[Push, str]]: ...


class FakeHarness:
    def __init__(self, clock: FakeClock) -> None:
        self.sender = FakePushSender(clock, concurrency=1)

    def refuses_once(self) -> None:
        self.sender.ends(Refused(400, "no"))

    def too_large(self) -> Push:
        self.sender.refuses = Refused(None, "too large")
        return PUSH

    def throttles_once(self) -> None:
        self.sender.ends(Throttled(timedelta(seconds=7)))

    def loses_once(self, lost: Lost) -> None:
        self.sender.ends(lost)

    def accepted(self) -> list[tuple[Push, str]]:
        return [(sent.push, sent.key) for sent in self.sender.accepted]


class RealHarness:
    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.stub = PushApiStub(clock=clock.now)

    @asynccontextmanager
    async def open(self) -> AsyncIterator["RealHarness"]:
        with self.stub:
            policy = PushApiPolicy(url=self.stub.url, concurrency=1)
            self.sender = PushApi.over_http(policy, self._clock, RecordingMetrics())
            yield self
            await self.sender.close()

    def too_large(self) -> Push:
        return msgspec.structs.replace(PUSH, body="x" * 5000)

    def refuses_once(self) -> None:
        self.stub.behave(Behaviour(fault="status", status=400, times=1))

    def throttles_once(self) -> None:
        self.stub.behave(Behaviour(fault="status", status=429, retry_after_seconds=7, times=1))

    def loses_once(self, lost: Lost) -> None:
        fault: Fault = "ambiguous_accepted" if lost is Lost.ACCEPTED else "ambiguous_dropped"
        self.stub.behave(Behaviour(fault=fault, times=1))

    def accepted(self) -> list[tuple[Push, str]]:
        assert self.stub.violations == []
        return [
            (msgspec.convert(msgspec.to_builtins(accepted.push), Push), accepted.idempotency_key)
            for accepted in self.stub.accepted
        ]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest_asyncio.fixture(params=["fake", "real"])
async def harness(request: pytest.FixtureRequest, clock: FakeClock) -> AsyncIterator[Harness]:
    if request.param == "fake":
        yield FakeHarness(clock)
        return
    async with RealHarness(clock).open() as real:
        yield real


async def test_a_push_is_accepted_whole_under_its_key(harness: Harness) -> None:
    attempt = await harness.sender.attempt(PUSH, "k-1", LEASE_END)

    assert (attempt, harness.accepted()) == (Accepted(201), [(PUSH, "k-1")])


async def test_the_same_key_is_accepted_once(harness: Harness) -> None:
    await harness.sender.attempt(PUSH, "k-1", LEASE_END)

    again = await harness.sender.attempt(PUSH, "k-1", LEASE_END)

    assert (again, len(harness.accepted())) == (Accepted(409), 1)


async def test_a_known_key_is_accepted_even_when_it_is_too_late(harness: Harness, clock: FakeClock) -> None:
    await harness.sender.attempt(PUSH, "k-1", LEASE_END)
    clock.advance(timedelta(minutes=1))

    again = await harness.sender.attempt(PUSH, "k-1", LEASE_END)

    assert again == Accepted(409)


async def test_an_attempt_after_its_not_after_does_nothing(harness: Harness, clock: FakeClock) -> None:
    clock.set(LEASE_END + timedelta(milliseconds=1))

    attempt = await harness.sender.attempt(PUSH, "k-1", LEASE_END)

    assert (attempt, harness.accepted()) == (TooLate(), [])


async def test_a_permanent_no_is_refused(harness: Harness) -> None:
    harness.refuses_once()

    attempt = await harness.sender.attempt(PUSH, "k-1", LEASE_END)

    assert isinstance(attempt, Refused)
    assert (attempt.status, harness.accepted()) == (400, [])


async def test_what_it_refuses_without_an_attempt_an_attempt_refuses_as_well(harness: Harness) -> None:
    push = harness.too_large()

    refusal = harness.sender.refusal(push)

    assert isinstance(refusal, Refused)
    assert await harness.sender.attempt(push, "k-1", LEASE_END) == refusal
    assert (refusal.status, harness.accepted()) == (None, [])


@pytest.mark.parametrize(
    ("lost", "arrived", "status"),
    [
        pytest.param(Lost.ACCEPTED, 1, 409, id="it had arrived"),
        pytest.param(Lost.DROPPED, 0, 201, id="it had not arrived"),
    ],
)
async def test_an_attempt_without_an_answer_is_unclear_and_asking_again_tells(
    harness: Harness, lost: Lost, arrived: int, status: int
) -> None:
    harness.loses_once(lost)

    first = await harness.sender.attempt(PUSH, "k-1", LEASE_END)

    assert isinstance(first, Unclear)
    assert len(harness.accepted()) == arrived
    assert await harness.sender.attempt(PUSH, "k-1", LEASE_END) == Accepted(status)


async def test_after_a_throttled_attempt_the_next_turn_waits_as_long_as_it_was_told(
    harness: Harness, clock: FakeClock
) -> None:
    harness.throttles_once()

    throttled = await harness.sender.attempt(PUSH, "k-1", LEASE_END)

    assert (throttled, clock.now()) == (Throttled(timedelta(seconds=7)), START)
    async with harness.sender.slot(SOON) as may_start:
        assert may_start
    assert clock.now() >= START + timedelta(seconds=7)


async def test_a_turn_ends_its_wait_at_the_deadline(harness: Harness, clock: FakeClock) -> None:
    harness.throttles_once()
    await harness.sender.attempt(PUSH, "k-1", LEASE_END)
    deadline = START + timedelta(seconds=2)

    async with harness.sender.slot(deadline) as may_start:
        pass

    assert (may_start, clock.now()) == (False, deadline)


async def test_there_is_no_turn_after_the_deadline(harness: Harness, clock: FakeClock) -> None:
    clock.set(SOON)

    async with harness.sender.slot(SOON) as may_start:
        pass

    assert not may_start


async def test_there_is_no_turn_while_the_slots_are_taken(harness: Harness) -> None:
    async with (
        harness.sender.slot(SOON) as first,
        harness.sender.slot(START + timedelta(milliseconds=10)) as second,
    ):
        pass

    assert (first, second) == (True, False)


async def test_leaving_a_turn_frees_its_slot_even_by_an_error(harness: Harness) -> None:
    with pytest.raises(LookupError):
        async with harness.sender.slot(SOON):
            raise LookupError

    async with harness.sender.slot(SOON) as may_start:
        pass

    assert may_start


async def test_the_moment_on_the_wire_is_cut_to_milliseconds_in_utc() -> None:
    berlin = datetime.fromisoformat("2026-11-23T11:15:02.120999+01:00")

    assert rfc3339(berlin) == "2026-11-23T10:15:02.120Z"
