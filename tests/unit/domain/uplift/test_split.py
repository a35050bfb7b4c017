from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.uplift.split import Split
from tests.support.made_world import arms


@given(st.integers(0, 60), st.integers(0, 60), st.floats(0.01, 0.99))
def test_is_as_probable_as_counting_all_outcomes_says(treated: int, control: int, share: float) -> None:
    users = treated + control
    each = [comb(users, count) * share**count * (1 - share) ** (users - count) for count in range(users + 1)]
    counted = min(1.0, 2 * min(sum(each[: control + 1]), sum(each[control:])))

    assert Split(treated, control, share).probability == pytest.approx(counted, rel=1e-6, abs=1e-12)


def test_a_sound_split_is_none_of_the_broken_ones() -> None:
    found = [
        Split(treated.users, control.users, 0.1)
        for seed in range(1_000)
        for treated, control in [arms(seed, 900, 0.1, 0, 0)]
    ]

    assert not any(split.is_broken for split in found)
    assert 20 <= sum(split.probability < 0.05 for split in found) <= 70


@pytest.mark.parametrize(
    ("treated", "control"),
    [(90_000, 8_900), (9_180, 820), (200, 0), (0, 20), (450_000, 51_300)],
    ids=["lost control users", "fewer than a tenth", "no control users", "only control users", "too many"],
)
def test_a_broken_split_is_named(treated: int, control: int) -> None:
    problem = Split(treated, control, 0.1).problem

    assert problem is not None
    assert problem.startswith(f"the split is broken: {control:,} of {treated + control:,} users are control")
    assert "where 10.00% were to be" in problem


@pytest.mark.parametrize(("treated", "control"), [(0, 0), (1, 0), (0, 1), (9_050, 950), (450_000, 50_100)])
def test_what_chance_does_is_no_problem(treated: int, control: int) -> None:
    assert Split(treated, control, 0.1).problem is None


@pytest.mark.parametrize("wrong", [(1, 1, 0.0), (1, 1, 1.0), (-1, 1, 0.5)])
def test_refuses_what_splits_nobody(wrong: tuple[int, int, float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Split(*wrong)
