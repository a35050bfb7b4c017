"""What the clients of the two APIs tell of them: the cause in the API's own words, and when it is asked again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from demo.stub_apis.coupon_api import CouponApi as CouponApiStub
from demo.stub_apis.coupon_api import catalogue_of
from demo.stub_apis.faults import Behaviour
from demo.stub_apis.push_api import PushApi as PushApiStub
from saving_alerts.adapters.coupon_api import CouponApi, CouponApiPolicy
from saving_alerts.adapters.push_api import PushApi, PushApiPolicy
from saving_alerts.dependencies import CALM, COUPON_API, PUSH_API, DependencyState, State
from saving_alerts.ports.errors import UnavailableError
from tests.support.api_clients import MANY_SECONDS
from tests.support.fakes.clock import START, FakeClock
from tests.support.fakes.metrics import RecordingMetrics
from tests.support.sample_pushes import PUSH

pytestmark = pytest.mark.asyncio

SOON = START + timedelta(minutes=10)
NOWHERE = "http://127.0.0.1:9"


class Asked:
    """One client, and what it tells of its API."""

    def __init__(self, name: str) -> None:
        self.clock = FakeClock()
        self.state = DependencyState(name, self.clock.now, "the address")

    @property
    def told(self) -> tuple[State, str | None, int | None]:
        error = self.state.error
        return self.state.state, error.text if error else None, error.status if error else None

    @asynccontextmanager
    async def pushes(self, url: str) -> AsyncIterator[PushApi]:
        policy = PushApiPolicy(url, attempt_seconds=MANY_SECONDS, breaker_failures=2, breaker_seconds=5)
        api = PushApi.over_http(policy, self.clock, RecordingMetrics(), self.state)
        yield api
        await api.close()

    @asynccontextmanager
    async def coupons(self, url: str) -> AsyncIterator[CouponApi]:
        policy = CouponApiPolicy(url, timeout_seconds=MANY_SECONDS, backoff_seconds=0.001, breaker_failures=2)
        api = CouponApi.over_http(policy, self.clock, RecordingMetrics(), self.state)
        yield api
        await api.close()


def status(code: int) -> Behaviour:
    return Behaviour(fault="status", status=code)


async def test_the_push_api_is_degraded_when_its_breaker_opens_and_says_what_it_answered() -> None:
    asked = Asked(PUSH_API)
    with PushApiStub(clock=asked.clock.now) as stub:
        async with asked.pushes(stub.url) as api:
            stub.behave(status(500))
            await api.attempt(PUSH, "k-1", SOON)
            assert asked.told == (State.OK, "HTTP 500", 500)

            await api.attempt(PUSH, "k-1", SOON)
            assert asked.told == (State.DEGRADED, "HTTP 500", 500)
            assert asked.state.next_try == asked.clock.now() + timedelta(seconds=5)

            stub.recover()
            asked.clock.advance(CALM)
            async with api.slot(SOON):
                await api.attempt(PUSH, "k-1", SOON)
            assert asked.told == (State.OK, "HTTP 500", 500)
            assert asked.state.next_try is None


async def test_an_api_that_wants_a_pause_is_degraded_until_it_is_over() -> None:
    asked = Asked(PUSH_API)
    with PushApiStub(clock=asked.clock.now) as stub:
        async with asked.pushes(stub.url) as api:
            stub.behave(Behaviour(fault="status", status=429, retry_after_seconds=30))
            await api.attempt(PUSH, "k-1", SOON)

    assert asked.told == (State.DEGRADED, "HTTP 429", 429)
    assert asked.state.next_try == asked.clock.now() + timedelta(seconds=30)


async def test_an_api_that_cannot_be_reached_says_why() -> None:
    asked = Asked(PUSH_API)
    async with asked.pushes(NOWHERE) as api:
        await api.attempt(PUSH, "k-1", SOON)

    state, text, http_status = asked.told
    assert (state, http_status) == (State.DEGRADED, None)
    assert text is not None
    assert text.startswith("no connection to 127.0.0.1:9: ")


async def test_the_coupon_api_is_degraded_when_its_breaker_opens() -> None:
    asked = Asked(COUPON_API)
    with CouponApiStub(catalogue_of({})) as stub:
        async with asked.coupons(stub.url) as api:
            stub.behave(status(502))
            with pytest.raises(UnavailableError):
                await api.coupons("u-1", "m-1", asked.clock.now() + timedelta(seconds=1))

    assert asked.told == (State.DEGRADED, "HTTP 502", 502)


async def test_what_an_api_writes_about_a_person_is_not_told() -> None:
    asked = Asked(PUSH_API)
    with PushApiStub(clock=asked.clock.now) as stub:
        async with asked.pushes(stub.url) as api:
            stub.behave(status(500))
            attempt = await api.attempt(PUSH, "k-1", SOON)

    assert "told to" in str(attempt)  # what the stub writes into its answer
    assert asked.told == (State.OK, "HTTP 500", 500)
