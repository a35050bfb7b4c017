"""Never above, and used where there was demand: days over twelve partitions with a rebalance every hour."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.budgets.alternatives import BUDGETS
from tests.budgets.day import Day
from tests.budgets.demand import SHAPES, reachable

USED = 0.95


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("pushes", BUDGETS[1:3])
def test_never_above_and_used_where_there_was_demand(shape: str, pushes: int) -> None:
    day = asyncio.run(Day(seed=pushes, pushes=pushes, demand=3 * pushes, shape=shape).run())

    assert not day.api.above
    assert day.rebalances == 24
    assert day.spent > 0
    assert day.accepted >= USED * reachable(day.day, day.moments) > 0


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 2**32),
    st.integers(1, 200),
    st.floats(0.2, 4),
    st.sampled_from(sorted(SHAPES)),
    st.integers(0, 3),
)
def test_never_above_whatever_the_day_and_whatever_redis_forgets(
    seed: int, pushes: int, times: float, shape: str, wipes: int
) -> None:
    day = asyncio.run(Day(seed, pushes, round(pushes * times), shape, wipes).run())

    assert not day.api.above
    assert day.accepted <= pushes
