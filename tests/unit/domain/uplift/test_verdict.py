from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.uplift.intervals import Arm
from saving_alerts.domain.uplift.verdict import MOST_DAYS, Comparison, Finding, users_needed
from tests.support.made_world import arms


def compared(treated: Arm, control: Arm, *, days: float = 14, least: float = 0.02, expected: float = 0.1) -> Comparison:
    return Comparison(treated, control, expected, days, least)


def test_says_which_rule_of_a_made_world_helps() -> None:
    """Must show: rule A helps by 5 points, rule B not at all."""
    rule_a = compared(*arms(1, 40_000, 0.2, 0.10, 0.05), expected=0.2)
    rule_b = compared(*arms(2, 40_000, 0.2, 0.10, 0.0), expected=0.2)

    assert rule_a.sentence == "helps: +5.2 points, 95% interval +4.4 to +5.9"
    assert rule_b.sentence == "no effect of 2 points or more, either way: +0.0 points, 95% interval -0.7 to +0.7"


def test_says_it_of_nearly_every_made_world() -> None:
    users = users_needed(0.15, 0.5, 0.05)  # the rate with rule A, which is what will be seen at most
    helps = [compared(*arms(seed, users, 0.5, 0.10, 0.05), least=0.05, expected=0.5).finding for seed in range(400)]
    nothing = [compared(*arms(seed, users, 0.5, 0.10, 0.0), least=0.05, expected=0.5).finding for seed in range(400)]

    assert helps.count(Finding.HELPS) >= 0.95 * 400
    assert nothing.count(Finding.HELPS) + nothing.count(Finding.HARMS) <= 0.08 * 400
    assert nothing.count(Finding.NO_EFFECT) >= 0.90 * 400


def test_looking_every_day_finds_no_effect_that_is_not_there() -> None:
    """With the interval of 95 % every day, every fifth of these 300 rules would be said to help or harm."""
    false_alarms = sum(any(_finding_after_each_day(seed)) for seed in range(300))

    assert false_alarms <= 0.03 * 300


def _finding_after_each_day(seed: int) -> list[bool]:
    daily = [arms(seed * 100 + day, 120, 0.5, 0.2, 0.0) for day in range(20)]
    treated = accumulate((mine for mine, _ in daily), _both)
    control = accumulate((theirs for _, theirs in daily), _both)
    findings = [
        compared(mine, theirs, days=day, least=0.05, expected=0.5)
        for day, (mine, theirs) in enumerate(zip(treated, control, strict=True), 1)
    ]
    return [each.finding in {Finding.HELPS, Finding.HARMS} for each in findings]


def _both(one: Arm, other: Arm) -> Arm:
    return Arm(one.users + other.users, one.successes + other.successes)


def test_says_how_long_it_takes() -> None:
    found = compared(Arm(9_000, 900), Arm(1_000, 95), days=5)

    assert found.days_to_go == 16
    assert found.sentence == "not enough yet: about 16 days to go: +0.5 points, 95% interval -1.6 to +2.3"


def test_after_so_long_there_are_enough() -> None:
    found = compared(Arm(9_000, 900), Arm(1_000, 95), days=5)
    days = 5 + (found.days_to_go or 0)
    later = compared(Arm(1_800 * days, 180 * days), Arm(200 * days, 19 * days), days=days)

    assert not found.is_enough
    assert later.is_enough
    assert later.finding is Finding.NO_EFFECT


def test_harm_far_beyond_doubt_is_said_at_once() -> None:
    found = compared(Arm(900, 20), Arm(100, 20))

    assert not found.is_enough
    assert found.sentence.startswith("harms: -17.8 points")


@pytest.mark.parametrize(
    ("treated", "control", "days"),
    [(Arm(0, 0), Arm(0, 0), 14), (Arm(9, 1), Arm(1, 0), 14), (Arm(900, 9), Arm(100, 1), 0)],
    ids=["nobody", "a handful", "no time"],
)
def test_says_when_nobody_would_wait_for_it(treated: Arm, control: Arm, days: float) -> None:
    found = compared(treated, control, days=days, least=0.01)

    assert found.sentence.startswith(f"not enough yet: more than {MOST_DAYS} days to go")


def test_a_broken_split_is_said_in_place_of_the_difference() -> None:
    found = compared(Arm(90_000, 9_000), Arm(8_000, 10))

    assert found.finding is Finding.BROKEN_SPLIT
    assert found.sentence.startswith("the split is broken: 8,000 of 98,000 users are control")


@given(st.floats(0, 1), st.floats(0.01, 0.99), st.floats(0.001, 0.5))
def test_a_smaller_difference_needs_more_users(rate: float, share: float, least: float) -> None:
    assert 1 <= users_needed(rate, share, least) <= users_needed(rate, share, least / 2)


@pytest.mark.parametrize(("share", "least"), [(0.1, 0), (0, 0.1), (1, 0.1)])
def test_refuses_what_no_number_of_users_shows(share: float, least: float) -> None:
    with pytest.raises(ValueError, match="no number of users"):
        users_needed(0.1, share, least)
