"""A clock that is wrong decides nothing: what was judged by it waits, and is judged again by a right one."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import pytest

from saving_alerts.delivery.record_results import BatchResult, RecordResult
from saving_alerts.domain.clock_check import ClockLimits
from saving_alerts.domain.reasons import Reason
from saving_alerts.metrics import Metric
from saving_alerts.supervision.clock_watch import ClockWatch
from tests.support.fakes.clock import FakeClock
from tests.support.fakes.heartbeats import FakeHeartbeats
from tests.support.fakes.metrics import RecordingMetrics

pytestmark = pytest.mark.asyncio

LIMITS = ClockLimits(max_ahead=timedelta(seconds=120), margin=timedelta(seconds=2))
MANY = 40
TURNS = 50


class World:
    """One worker's watch, on a clock that a test can set. `received_ahead`: what events say of it."""

    def __init__(self) -> None:
        self.clock, self.metrics = FakeClock(), RecordingMetrics()
        self.redis = FakeHeartbeats(self.clock)
        self.seconds = 0.0
        self.runs = 0
        self.received_ahead = 0
        self.watch = ClockWatch(self.redis.time, self.clock, LIMITS, self.metrics, lambda: self.seconds)

    async def run(self) -> BatchResult:
        self.runs += 1
        return result(MANY, self.received_ahead)

    def begin(self) -> "asyncio.Task[BatchResult]":
        return asyncio.ensure_future(self.watch.believed(self.run))

    async def heartbeat(self) -> None:
        self.seconds += 2
        await self.watch.compare()


def result(events: int, ahead: int) -> BatchResult:
    each = RecordResult(cast("Any", None), Reason.INVALID, [], None, dated_ahead=True)
    return BatchResult([each] * ahead, list(range(events - ahead)))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - a fake clock tells nobody
            await asyncio.sleep(0)


async def a_while() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


async def test_a_good_clock_lets_everything_through_and_asks_nobody() -> None:
    world = World()
    world.redis.down = True

    assert (await world.begin()).records == MANY
    assert world.watch.judgement().trusted


async def test_an_event_that_is_dated_ahead_is_only_believed_after_a_look_at_redis() -> None:
    world = World()
    await world.heartbeat()
    world.received_ahead = 1
    world.redis.ahead = timedelta(hours=1)  # the clock was set back since

    held = world.begin()
    await a_while()

    assert not held.done()
    assert "3600 s ahead of this machine's" in world.watch.judgement().text
    world.redis.ahead, world.received_ahead = timedelta(), 0
    await world.heartbeat()
    assert (await held).dated_ahead == 0


async def test_one_event_that_is_dated_ahead_is_its_own_fault() -> None:
    world = World()
    world.received_ahead = 1

    assert (await world.begin()).dated_ahead == 1


@pytest.mark.parametrize("ahead", [timedelta(minutes=10), timedelta(minutes=-10)], ids=["ours is slow", "ours is fast"])
async def test_while_redis_disagrees_nothing_goes_on_and_nothing_is_tried(ahead: timedelta) -> None:
    world = World()
    world.redis.ahead = ahead
    await world.heartbeat()

    held = world.begin()
    await a_while()

    assert (held.done(), world.runs) == (False, 1)
    world.redis.ahead = timedelta()
    await world.heartbeat()
    await held
    assert world.runs == 2


async def test_while_most_events_are_dated_ahead_they_are_judged_again_and_none_is_decided() -> None:
    world = World()
    world.received_ahead = MANY

    held = world.begin()
    await until(lambda: world.runs > 3)

    assert not held.done()
    world.seconds += 3600  # what is held is not forgotten, however long it is
    await a_while()
    assert not held.done()
    world.received_ahead = 0  # somebody set the clock
    assert (await held).dated_ahead == 0


async def test_what_events_said_is_forgotten_after_a_minute() -> None:
    world = World()
    world.received_ahead = MANY // 2
    await world.begin()
    assert f"{MANY // 2} of {MANY} events" in world.watch.judgement().text

    world.seconds += 62

    assert "0 of 0 events" in world.watch.judgement().text


async def test_a_batch_that_is_abandoned_says_nothing_any_more() -> None:
    world = World()
    world.received_ahead = MANY
    held = world.begin()
    await until(lambda: world.runs > 1)

    held.cancel()
    await asyncio.wait([held])

    assert world.watch.judgement().trusted


async def test_without_an_answer_of_redis_its_last_one_stands() -> None:
    world = World()
    world.redis.ahead = timedelta(minutes=10)
    await world.heartbeat()

    world.redis.down = True
    await world.heartbeat()

    assert not world.watch.judgement().trusted


async def test_an_answer_that_took_long_proves_no_more_than_it_can() -> None:
    """Redis read its clock at some time between the question and the answer."""
    world = World()
    slow = timedelta(seconds=100)

    async def ask_slowly() -> Any:  # noqa: ANN401 - a moment
        theirs = world.clock.now()
        world.clock.advance(slow)
        return theirs

    world.watch.ask = ask_slowly
    await world.heartbeat()

    assert world.watch.judgement().agrees
    assert world.metrics.values(Metric.CLOCK_OFFSET) == [0.0]


async def test_many_who_ask_at_once_share_one_answer() -> None:
    world, asked = World(), 0

    async def count() -> Any:  # noqa: ANN401 - a moment
        nonlocal asked
        asked += 1
        world.seconds += 1
        await asyncio.sleep(0)
        return world.clock.now()

    world.watch.ask = count
    await asyncio.gather(*(world.watch.compare() for _ in range(20)))

    assert asked <= 2
