import asyncio

import pytest

from saving_alerts.web.recent import MAX_AGE_SECONDS, Recent
from tests.support.simulated_time import run_simulated


class Counted:
    """`times` is how often it was computed; it takes `seconds`."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.times = 0
        self._seconds = seconds

    async def compute(self) -> int:
        self.times += 1
        await asyncio.sleep(self._seconds)
        return self.times


def test_all_who_ask_within_a_second_get_what_was_computed_once() -> None:
    counted = Counted(0.2)

    async def story() -> list[int]:
        recent = Recent(counted.compute)
        return await asyncio.gather(*(recent.get() for _ in range(1000)), recent.get())

    assert set(run_simulated(story())) == {1}


def test_it_is_never_older_than_a_second_and_never_computed_more_often() -> None:
    counted = Counted()

    async def story() -> list[int]:
        recent, values = Recent(counted.compute, asyncio.get_running_loop().time), []
        for _ in range(100):
            values.append(await recent.get())
            await asyncio.sleep(MAX_AGE_SECONDS / 10)
        return values

    values = run_simulated(story())
    assert counted.times in {9, 10, 11}
    assert values == sorted(values)


def test_who_goes_away_does_not_take_it_from_the_others() -> None:
    counted = Counted(0.2)

    async def story() -> int:
        recent = Recent(counted.compute)
        first, second = asyncio.create_task(recent.get()), asyncio.create_task(recent.get())
        await asyncio.sleep(0.1)
        first.cancel()
        return await second

    assert run_simulated(story()) == 1


def test_a_failure_is_not_kept() -> None:
    fails = [True]

    async def compute() -> str:
        if fails.pop() if fails else False:
            raise ValueError("not now")
        return "well"

    async def story() -> str:
        recent = Recent(compute)
        with pytest.raises(ValueError, match="not now"):
            await recent.get()
        return await recent.get()

    assert run_simulated(story()) == "well"
