"""The clients of both HTTP APIs as a worker makes them, and in one word how each of their requests ends."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from saving_alerts.adapters.coupon_answers import CouponApiFailedError, ThrottledError
from saving_alerts.adapters.coupon_request import HttpCouponRequests
from saving_alerts.adapters.http_client import HttpClient
from saving_alerts.adapters.http_connection import HttpConnection
from saving_alerts.adapters.push_api import PushApi, PushApiPolicy
from saving_alerts.domain.coupons import CouponAnswer
from saving_alerts.ports.errors import RefusedError
from saving_alerts.ports.push_sender import Attempt, Throttled
from tests.support.fakes.clock import START, FakeClock
from tests.support.fakes.metrics import RecordingMetrics
from tests.support.sample_pushes import PUSH

MANY_SECONDS = 30.0  # nothing but a hang may take that long, on a busy machine, too
NOTHING_SENT = Throttled(timedelta(seconds=1))


@dataclass(frozen=True, slots=True)
class Asker:
    """One client of each API, for requests one after the other."""

    requests: HttpCouponRequests
    sender: PushApi
    seconds: float

    async def coupons(self) -> CouponAnswer | Exception:
        """The answer, or the error."""
        try:
            return await self.requests.get("u-1", "m-1", self.seconds)
        except (CouponApiFailedError, ThrottledError, RefusedError, TimeoutError) as error:
            return error

    async def push(self, key: str = "key") -> Attempt:
        return await self.sender.attempt(PUSH, key, START + timedelta(minutes=1))


@asynccontextmanager
async def asker(
    url: str, seconds: float = MANY_SECONDS, new_connection: Callable[[], HttpConnection] = HttpConnection
) -> AsyncIterator[Asker]:
    policy = PushApiPolicy(url=url, attempt_seconds=seconds)
    clock = FakeClock()
    requests = HttpCouponRequests(HttpClient(url, new_connection=new_connection), clock)
    sender = PushApi(HttpClient(url, new_connection=new_connection), policy, clock, RecordingMetrics())
    yield Asker(requests, sender, seconds)
    await requests.close()
    await sender.close()
