"""Who is kept back: as many as asked for, always the same, and independent of rollout and texts."""

import pytest

from saving_alerts.domain.rules.clauses import is_rolled_out
from saving_alerts.domain.rules.control import Arm, Control, arm_of, is_control, together

USERS = [f"u-{number}" for number in range(20_000)]


@pytest.mark.parametrize("percent", [0, 0.5, 5, 50, 100])
def test_as_many_users_are_kept_back_as_asked_for(percent: float) -> None:
    assert sum(is_control(percent, "file", user) for user in USERS) == pytest.approx(
        len(USERS) * percent / 100, abs=150
    )


def test_who_is_kept_back_stays_so_while_the_share_grows() -> None:
    kept = [[user for user in USERS if is_control(percent, "file", user)] for percent in (1, 5, 20)]

    assert set(kept[0]) < set(kept[1]) < set(kept[2])


def test_two_salts_choose_independently() -> None:
    both = sum(is_control(20, "file", user) and is_control(20, "coffee", user) for user in USERS)
    either = sum(is_control(20, "file", user) or is_control(20, "coffee", user) for user in USERS)

    assert both == pytest.approx(len(USERS) * 0.04, rel=0.1)
    assert either == pytest.approx(len(USERS) * together(20, 20) / 100, rel=0.05)


def test_the_first_users_of_a_rollout_are_not_the_control() -> None:
    """With the rollout's own hash all of the first 5 % would be kept back, and nobody be left to compare with."""
    first = [user for user in USERS if is_rolled_out(5, "coffee", user)]

    assert sum(is_control(20, "coffee", user) for user in first) == pytest.approx(len(first) * 0.2, rel=0.2)


def test_the_same_users_are_kept_back_in_every_release() -> None:
    assert [number for number in range(40) if is_control(10, "file", f"u-{number}")] == [4, 12, 19, 22, 34]


def test_nobody_is_kept_back_twice() -> None:
    assert (together(0, 0), together(10, 0), together(50, 50), together(100, 5)) == (0, 10, 75, 100)


def test_the_arm_is_control_if_the_file_or_the_rule_keeps_back() -> None:
    of_the_file, of_the_rule = Control(20, "file"), Control(10, "rule")
    arms = [arm_of(user, of_the_file, of_the_rule) for user in USERS]

    assert {arm.percent for arm in arms if arm} == {together(20, 10)}
    assert [arm is not None and arm.is_control for arm in arms] == [
        is_control(*of_the_file, user) or is_control(*of_the_rule, user) for user in USERS
    ]


def test_where_nobody_is_kept_back_there_are_no_arms() -> None:
    assert arm_of("u-1", None, None) is None
    assert arm_of("u-1", Control(50, "file"), None) == Arm(is_control(50, "file", "u-1"), 50)
