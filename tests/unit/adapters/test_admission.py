import asyncio
from datetime import timedelta

import pytest

from saving_alerts.adapters.admission import Admission
from saving_alerts.adapters.breaker import Breaker
from tests.support.fakes.clock import START, FakeClock

pytestmark = pytest.mark.asyncio

PAUSE = timedelta(seconds=5)
SOON = START + timedelta(minutes=10)
A_MOMENT = timedelta(milliseconds=10)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def breaker_states() -> list[int]:
    return []


@pytest.fixture
def admission(clock: FakeClock, breaker_states: list[int]) -> Admission:
    return Admission(2, Breaker(failures=1, pause=PAUSE), clock, breaker_states.append)


async def admitted(admission: Admission, clock: FakeClock, within: timedelta = SOON - START) -> bool:
    async with admission.slot(clock.now() + within) as epoch:
        if epoch is not None:
            admission.answered(epoch)
        return epoch is not None


async def test_while_the_probe_is_under_way_nobody_else_starts(admission: Admission, clock: FakeClock) -> None:
    admission.failed(admission.epoch)

    async with admission.slot(SOON) as probe:
        others = await asyncio.gather(*(admitted(admission, clock, A_MOMENT) for _ in range(10)))

    assert probe is not None
    assert others == [False] * 10


async def test_an_answer_to_the_probe_lets_everybody_in(admission: Admission, clock: FakeClock) -> None:
    admission.failed(admission.epoch)
    async with admission.slot(SOON) as probe:
        assert probe is not None
        others = [asyncio.create_task(admitted(admission, clock)) for _ in range(10)]
        await asyncio.sleep(0)
        admission.answered(probe)

    assert await asyncio.gather(*others) == [True] * 10


async def test_a_probe_without_an_outcome_hands_over_to_another(admission: Admission, clock: FakeClock) -> None:
    admission.failed(admission.epoch)
    async with admission.slot(SOON):
        other = asyncio.create_task(admitted(admission, clock))
        await asyncio.sleep(0)

    assert await other
    assert not admission.is_open


async def test_who_waits_for_the_api_takes_no_slot(admission: Admission, clock: FakeClock) -> None:
    admission.failed(admission.epoch)

    async with admission.slot(SOON) as probe:
        assert probe is not None
        waiting = [asyncio.create_task(admitted(admission, clock)) for _ in range(10)]
        await asyncio.sleep(0)
        admission.answered(probe)
        second = await admitted(admission, clock, A_MOMENT)

    assert second
    await asyncio.gather(*waiting)


async def test_who_gets_a_slot_after_the_breaker_opened_gives_it_back_and_waits(clock: FakeClock) -> None:
    admission = Admission(1, Breaker(failures=1, pause=PAUSE), clock, lambda _: None)
    async with admission.slot(SOON) as epoch:
        assert epoch is not None
        waiting = asyncio.create_task(admitted(admission, clock, 3 * PAUSE))
        await asyncio.sleep(0)
        admission.failed(epoch)

    assert await waiting
    assert clock.now() >= START + PAUSE


async def test_a_cancelled_wait_for_a_slot_leaves_all_slots_free(admission: Admission, clock: FakeClock) -> None:
    async with admission.slot(SOON), admission.slot(SOON):
        waiting = asyncio.create_task(admitted(admission, clock))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])

    async with admission.slot(SOON) as first, admission.slot(SOON) as second:
        assert None not in (first, second)


async def test_the_longest_pause_that_was_asked_for_counts(admission: Admission, clock: FakeClock) -> None:
    admission.leave_alone(timedelta(minutes=2))
    admission.leave_alone(timedelta(seconds=1))

    await admitted(admission, clock)

    assert clock.now() >= START + timedelta(minutes=2)


async def test_it_says_at_first_and_after_each_change_whether_the_breaker_is_open(
    admission: Admission, clock: FakeClock, breaker_states: list[int]
) -> None:
    admission.failed(admission.epoch)
    await admitted(admission, clock)

    assert breaker_states == [False, True, False]


async def test_where_nothing_is_to_be_waited_for_outcomes_are_reported_no_more_than_now_and_then(
    admission: Admission, clock: FakeClock, breaker_states: list[int]
) -> None:
    for _ in range(100):
        await admitted(admission, clock)

    assert len(breaker_states) < 50


async def test_no_more_start_in_a_second_than_are_allowed(clock: FakeClock) -> None:
    admission = Admission(10, Breaker(failures=1, pause=PAUSE), clock, lambda _: None, per_second=2)

    admitted_at_once = [await admitted(admission, clock, A_MOMENT) for _ in range(4)]

    assert admitted_at_once == [True, True, False, False]
    assert await admitted(admission, clock)


async def test_who_waits_for_the_pace_holds_no_slot(clock: FakeClock) -> None:
    admission = Admission(1, Breaker(failures=1, pause=PAUSE), clock, lambda _: None, per_second=1)
    async with admission.slot(SOON):
        waiting = asyncio.create_task(admitted(admission, clock))
        await asyncio.sleep(0)

    assert not admission._slots.locked()
    assert not waiting.done()
    assert await waiting
