"""What the pipeline relies on in a CouponSource, for the fake and for the real client of the stub Coupon API."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from typing import Protocol

import msgspec
import pytest
import pytest_asyncio

from demo.stub_apis.coupon_api import CouponApi as CouponApiStub
from demo.stub_apis.coupon_api import Coupons, some_coupon
from demo.stub_apis.faults import Behaviour
from saving_alerts.adapters.coupon_api import CouponApi, CouponApiPolicy
from saving_alerts.domain.coupons import Coupon, CouponAnswer
from saving_alerts.ports.coupon_source import CouponSource
from saving_alerts.ports.errors import RefusedError, UnavailableError
from tests.support.askers import asked_again_and_again
from tests.support.fakes.clock import START, FakeClock
from tests.support.fakes.coupon_source import FakeCouponSource
from tests.support.fakes.metrics import RecordingMetrics

pytestmark = pytest.mark.asyncio

SOON = START + timedelta(minutes=10)
STRANGE_IDS = ["a/b", "..", ".", "100%", "ü ñ", "?q=1#f", "a%2Fb", "a+b;c", "\\"]


def coupon(merchant_id: str, number: int = 1) -> Coupon:
    return msgspec.convert(some_coupon(merchant_id, number), Coupon)


class Harness(Protocol):
    """A source, and what its Coupon API is to do."""

    @property
    def source(self) -> CouponSource: ...

    def gives(self, user_id: str, *coupons: Coupon) -> None: ...

    def refuses(self, user_id: str) -> None: ...

    def fails(self, user_id: str) -> None: ...

    def goes_down(self, until: datetime) -> None: ...

    def others_are_answered(self) -> AbstractAsyncContextManager[None]: ...

    def asked(self) -> int: ...


class FakeHarness:
    def __init__(self, clock: FakeClock) -> None:
        self.source = FakeCouponSource(clock)

    def gives(self, user_id: str, *coupons: Coupon) -> None:
        self.source.gives(user_id, coupons[0].merchant_id, *coupons)

    def refuses(self, user_id: str) -> None:
        self.source.fails(user_id, RefusedError("no", 403))

    def fails(self, user_id: str) -> None:
        self.source.fails(user_id, UnavailableError("not now"))

    def goes_down(self, until: datetime) -> None:
        self.source.goes_down(until)

    @asynccontextmanager
    async def others_are_answered(self) -> AsyncIterator[None]:
        yield

    def asked(self) -> int:
        return len(self.source.asked)


class RealHarness:
    """The stub goes down for all users with 503. Others are answered while one user fails.

    The breaker never opens: on this clock one user can fail again and again between two answers to others.
    """

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._answers: dict[tuple[str, str], Coupons] = {}
        self._down_until = START
        self.stub = CouponApiStub(self._catalogue)

    @asynccontextmanager
    async def open(self) -> AsyncIterator["RealHarness"]:
        with self.stub:
            policy = CouponApiPolicy(url=self.stub.url, backoff_seconds=0.001, breaker_failures=1_000_000)
            self.source = CouponApi.over_http(policy, self._clock, RecordingMetrics())
            yield self
            await self.source.close()

    def _catalogue(self, user_id: str, merchant_id: str) -> Coupons:
        return 503 if self._clock.now() < self._down_until else self._answers.get((user_id, merchant_id), 404)

    def gives(self, user_id: str, *coupons: Coupon) -> None:
        self._answers[user_id, coupons[0].merchant_id] = [msgspec.to_builtins(coupon) for coupon in coupons]

    def refuses(self, user_id: str) -> None:
        self.stub.behave(Behaviour(fault="status", status=403), user_id=user_id)

    def fails(self, user_id: str) -> None:
        self.stub.behave(Behaviour(fault="status", status=500), user_id=user_id)

    def goes_down(self, until: datetime) -> None:
        self._down_until = until

    @asynccontextmanager
    async def others_are_answered(self) -> AsyncIterator[None]:
        async with asked_again_and_again(self.source, "u-other"):
            yield

    def asked(self) -> int:
        return len(self.stub.requests)


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


async def test_it_gives_the_coupons_of_this_user_at_this_merchant(harness: Harness) -> None:
    harness.gives("u-1", coupon("m-1", 1), coupon("m-1", 2))
    harness.gives("u-2", coupon("m-1", 3))

    answer = await harness.source.coupons("u-1", "m-1", SOON)

    assert answer.coupons == (coupon("m-1", 1), coupon("m-1", 2))


async def test_nothing_known_is_no_coupon(harness: Harness) -> None:
    assert await harness.source.coupons("u-1", "m-1", SOON) == CouponAnswer()


@pytest.mark.parametrize("strange", STRANGE_IDS)
async def test_any_text_can_be_an_id(harness: Harness, strange: str) -> None:
    harness.gives(strange, coupon(strange))

    answer = await harness.source.coupons(strange, strange, SOON)

    assert answer.coupons == (coupon(strange),)


async def test_a_permanent_no_is_refused_with_its_status(harness: Harness) -> None:
    harness.refuses("u-1")

    with pytest.raises(RefusedError) as refused:
        await harness.source.coupons("u-1", "m-1", SOON)

    assert refused.value.status == 403


async def test_a_failure_for_one_user_is_unavailable_long_before_the_deadline(
    harness: Harness, clock: FakeClock
) -> None:
    harness.fails("u-1")

    async with harness.others_are_answered():
        with pytest.raises(UnavailableError):
            await harness.source.coupons("u-1", "m-1", SOON)

    assert clock.now() < START + timedelta(seconds=15)


async def test_while_nobody_is_answered_it_holds_until_that_is_over(harness: Harness, clock: FakeClock) -> None:
    harness.gives("u-1", coupon("m-1"))
    harness.goes_down(START + timedelta(minutes=3))

    answer = await harness.source.coupons("u-1", "m-1", SOON)

    assert answer.coupons == (coupon("m-1"),)
    assert START + timedelta(minutes=3) <= clock.now() < SOON


async def test_it_holds_until_the_deadline_and_not_beyond(harness: Harness, clock: FakeClock) -> None:
    harness.goes_down(SOON + timedelta(hours=1))

    with pytest.raises(UnavailableError):
        await harness.source.coupons("u-1", "m-1", SOON)

    assert clock.now() == SOON


async def test_after_the_deadline_nobody_is_asked(harness: Harness, clock: FakeClock) -> None:
    clock.set(SOON)

    with pytest.raises(UnavailableError):
        await harness.source.coupons("u-1", "m-1", SOON)

    assert harness.asked() == 0
