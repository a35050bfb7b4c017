import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.uplift.intervals import Arm, difference, wilson
from tests.support.exact_difference import exact_difference
from tests.support.made_world import arms

MANY = 10**6


@st.composite
def some_arm(draw: st.DrawFn) -> Arm:
    users = draw(st.integers(0, MANY))
    return Arm(users, draw(st.integers(0, users)))


def test_as_newcombe_printed_it() -> None:
    """Method 10 of table II of his paper."""
    found = [
        difference(Arm(70, 56), Arm(80, 48)),
        difference(Arm(10, 9), Arm(10, 3)),
        difference(Arm(10, 10), Arm(20, 0)),
        difference(Arm(10, 10), Arm(10, 0)),
    ]

    assert [(round(each.low, 4), round(each.high, 4)) for each in found] == [
        (0.0524, 0.3339),
        (0.1705, 0.8090),
        (0.6791, 1.0),
        (0.6075, 1.0),
    ]


@pytest.mark.parametrize("uplift", [0.05, 0.0], ids=["rule A helps by 5 points", "rule B does nothing"])
def test_holds_the_truth_in_950_of_1000_seeds(uplift: float) -> None:
    held = sum(uplift in difference(*arms(seed, 1500, 0.2, 0.10, uplift)) for seed in range(1_000))

    assert 930 <= held <= 970


@pytest.mark.parametrize(
    ("treated", "control"),
    [(Arm(16, 6), Arm(12, 3)), (Arm(18, 2), Arm(10, 0)), (Arm(12, 11), Arm(12, 5))],
    ids=["some", "few", "most"],
)
def test_is_at_most_a_fifth_wider_than_the_exact_one(treated: Arm, control: Arm) -> None:
    ours, exact = difference(treated, control), exact_difference(treated, control)

    assert ours.width <= 1.2 * exact.width


@given(some_arm(), some_arm())
def test_holds_what_was_seen_and_is_the_same_the_other_way_round(treated: Arm, control: Arm) -> None:
    found, turned = difference(treated, control), difference(control, treated)

    assert -1 <= found.low <= treated.rate - control.rate <= found.high <= 1
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low), abs=1e-12)


@given(some_arm())
def test_one_proportion_is_within_its_interval(arm: Arm) -> None:
    found = wilson(arm)

    assert 0 <= found.low <= arm.rate <= found.high <= 1 or not arm.users


def test_of_nobody_nothing_is_known() -> None:
    assert (wilson(Arm(0, 0)).low, wilson(Arm(0, 0)).high) == (0, 1)


@pytest.mark.parametrize("wrong", [(3, 4), (3, -1), (-1, 0)])
def test_refuses_an_arm_that_cannot_be(wrong: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="users"):
        Arm(*wrong)
