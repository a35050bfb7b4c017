"""Any outage of the Coupon API, in simulated time, under load: no event that has a minute left behind it is lost."""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saving_alerts.adapters.coupon_answers import CouponApiFailedError, ThrottledError
from saving_alerts.adapters.coupon_api import CouponApi, CouponApiPolicy
from saving_alerts.domain.coupons import CouponAnswer
from saving_alerts.ports.errors import DeadlineError, UnavailableError
from tests.support.fakes.clock import START
from tests.support.fakes.metrics import RecordingMetrics
from tests.support.simulated_time import LoopClock, run_simulated

Kind = Literal["hang", "status 500", "status 429", "status 503", "slow", "one in ten hangs twice"]
ANSWER_SECONDS = 0.03
SLOW_SECONDS = (2.0, 6.0)  # below and above the timeout
LEFT_SECONDS = 60
# Every kind of event: who asks at the same moment as many others, and who comes one by one.
AT_ONCE = 1.5  # of the requests in flight that are allowed
PER_SECOND = 20
AFTERWARDS_SECONDS = 10
POLICY = CouponApiPolicy(url="")
# It hides from most events that the API is away; without it each of them fails again and again.
NO_BREAKER = 1_000_000


@dataclass(frozen=True, slots=True)
class Outage:
    kind: Kind
    begins: float
    seconds: float
    retry_after: int | None = None
    slow_seconds: float = SLOW_SECONDS[0]

    @property
    def ends(self) -> float:
        return self.begins + self.seconds


outages = st.builds(
    Outage,
    kind=st.sampled_from(Kind.__args__),  # type: ignore[attr-defined]
    begins=st.floats(0, 3),
    seconds=st.floats(5, 30),
    # A pause must fit into what the events have left.
    retry_after=st.none() | st.integers(1, 50),
    slow_seconds=st.sampled_from(SLOW_SECONDS),
)


class ApiWithOutage:
    """Answers after 30 ms. `asked` is when each request began."""

    def __init__(self, outage: Outage) -> None:
        self._outage = outage
        self._hung: dict[str, int] = {}
        self.asked: list[float] = []

    async def close(self) -> None:
        pass

    async def get(self, user_id: str, merchant_id: str, seconds: float) -> CouponAnswer:
        began = _now()
        self.asked.append(began)
        async with asyncio.timeout(seconds):
            await asyncio.sleep(ANSWER_SECONDS)
            if began < self._outage.ends and _now() >= self._outage.begins:
                await self._suffer(user_id)
        return CouponAnswer()

    async def _suffer(self, user_id: str) -> None:
        pause = timedelta(seconds=self._outage.retry_after) if self._outage.retry_after else None
        match self._outage.kind:
            case "hang":
                await _for_ever()
            case "status 500":
                raise CouponApiFailedError("500", pause)
            case "status 429":
                raise ThrottledError("429", pause, counts_for_breaker=False)
            case "status 503":
                raise ThrottledError("503", pause)
            case "slow":
                await asyncio.sleep(self._outage.slow_seconds)
            case "one in ten hangs twice":
                await self._hang_twice(user_id)

    async def _hang_twice(self, user_id: str) -> None:
        times = self._hung[user_id] = self._hung.get(user_id, 0) + 1
        if user_id.endswith("7") and times <= 2:
            await _for_ever()


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _for_ever() -> None:
    await asyncio.sleep(1e9)


async def lost_in(api: CouponApi, outage: Outage, concurrency: int) -> list[str]:
    """Every event that was not answered, all of which have a minute left behind the outage."""
    at_once = int(concurrency * AT_ONCE)
    one_by_one = int((outage.ends + AFTERWARDS_SECONDS) * PER_SECOND)
    moments = [0.0] * at_once + [number / PER_SECOND for number in range(one_by_one)]

    async def ask(number: int, moment: float) -> str | None:
        await asyncio.sleep(moment)
        deadline = START + timedelta(seconds=max(outage.ends, moment) + LEFT_SECONDS)
        try:
            await api.coupons(f"u-{number}", "m-1", deadline)
        except UnavailableError as error:
            return f"u-{number} of {moment:.2f} s: {error}"
        return None

    ends = await asyncio.gather(*(ask(*each) for each in enumerate(moments)))
    return [each for each in ends if each]


def coupon_api(requests: ApiWithOutage, policy: CouponApiPolicy = POLICY) -> CouponApi:
    return CouponApi(requests, policy, LoopClock(), RecordingMetrics())


@pytest.mark.parametrize("concurrency", [64, 256])
@given(outage=outages, breaker_failures=st.sampled_from([POLICY.breaker_failures, NO_BREAKER]))
@settings(max_examples=40, deadline=None)
def test_no_event_with_a_minute_left_is_lost(concurrency: int, outage: Outage, breaker_failures: int) -> None:
    async def story() -> list[str]:
        policy = replace(POLICY, concurrency=concurrency, breaker_failures=breaker_failures)
        api = coupon_api(ApiWithOutage(outage), policy)
        return await lost_in(api, outage, concurrency)

    assert run_simulated(story()) == []


@pytest.mark.parametrize("kind", ["status 429", "status 503"])
def test_nobody_asks_before_the_asked_time_not_even_a_probe(kind: Kind) -> None:
    outage = Outage(kind, begins=0, seconds=25, retry_after=20)
    requests = ApiWithOutage(outage)

    assert run_simulated(lost_in(coupon_api(requests), outage, 64)) == []

    assert [moment for moment in requests.asked if 2 * ANSWER_SECONDS < moment < 20] == []
    assert len(requests.asked) > 64


def test_while_it_is_away_an_event_is_held_until_its_deadline_and_then_it_is_too_late() -> None:
    outage = Outage("hang", begins=0, seconds=1000)

    async def story() -> float:
        with pytest.raises(DeadlineError, match="gave no answer within 4 s"):
            await coupon_api(ApiWithOutage(outage)).coupons("u-1", "m-1", START + timedelta(seconds=100))
        return _now()

    assert run_simulated(story()) == pytest.approx(100, abs=0.1)


@pytest.mark.parametrize("kind", ["hang", "status 500"])
def test_an_event_that_fails_while_others_are_answered_ends_within_15_seconds_of_asking(kind: Kind) -> None:
    class FailsOne(ApiWithOutage):
        async def _suffer(self, user_id: str) -> None:
            if user_id == "sick":
                await super()._suffer(user_id)

    requests = FailsOne(Outage(kind, begins=0, seconds=1000))
    api = coupon_api(requests)

    async def others() -> None:
        while True:
            await asyncio.gather(api.coupons("well", "m-1", START + timedelta(hours=1)), asyncio.sleep(0.1))

    async def story() -> float:
        beside = asyncio.create_task(others())
        with pytest.raises(UnavailableError) as failed:
            await api.coupons("sick", "m-1", START + timedelta(seconds=600))
        beside.cancel()
        assert not isinstance(failed.value, DeadlineError)
        return _now()

    assert run_simulated(story()) <= 15
    assert not api.breaker_is_open


def test_no_slot_is_held_while_an_event_waits_for_its_next_attempt() -> None:
    """With one slot: while the failed one backs off for 20 s, as the API asked it to, others are answered."""

    class Fails(ApiWithOutage):
        async def get(self, user_id: str, merchant_id: str, seconds: float) -> CouponAnswer:
            if user_id == "sick" and _now() < 1:
                raise CouponApiFailedError("500", timedelta(seconds=20))
            return await super().get(user_id, merchant_id, seconds)

    api = coupon_api(Fails(Outage("hang", begins=1e9, seconds=1)), replace(POLICY, concurrency=1))

    async def story() -> tuple[float, float]:
        sick = asyncio.create_task(api.coupons("sick", "m-1", START + timedelta(seconds=600)))
        await asyncio.sleep(0)
        await api.coupons("well", "m-1", START + timedelta(seconds=600))
        well_at = _now()
        await sick
        return well_at, _now()

    well_at, sick_at = run_simulated(story())
    assert (well_at < 1, sick_at >= 20) == (True, True)


def test_attempts_that_began_before_the_end_of_a_hang_do_not_leave_the_api_alone_again() -> None:
    """They fail seconds after it answers others; an API that answers is not to be paused for them."""
    outage = Outage("hang", begins=0, seconds=3)
    metrics = RecordingMetrics()
    api = CouponApi(ApiWithOutage(outage), POLICY, LoopClock(), metrics)

    async def story() -> float:
        early = [asyncio.create_task(api.coupons(f"early-{n}", "m", START + timedelta(seconds=90))) for n in range(50)]
        await asyncio.sleep(3.5)
        await api.coupons("late", "m", START + timedelta(seconds=90))
        await asyncio.gather(*early)
        return _now()

    assert run_simulated(story()) < 5
