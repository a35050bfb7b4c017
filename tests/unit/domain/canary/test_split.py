"""Who the new rules are tried on: as many as asked for, always the same ones, and independent of every other draw."""

import pytest

from saving_alerts.domain.canary.split import is_in_canary
from saving_alerts.domain.rules.clauses import is_rolled_out
from saving_alerts.domain.rules.control import is_control

USERS = [f"u-{number}" for number in range(20_000)]


@pytest.mark.parametrize("percent", [0, 1, 5, 50, 100])
def test_as_many_users_as_asked_for(percent: float) -> None:
    assert sum(is_in_canary(percent, "v1", user) for user in USERS) == pytest.approx(
        len(USERS) * percent / 100, abs=200
    )


def test_who_is_in_it_stays_in_it_while_it_grows() -> None:
    tried = [{user for user in USERS if is_in_canary(percent, "v1", user)} for percent in (1, 5, 20)]

    assert tried[0] < tried[1] < tried[2]


def test_neither_another_version_nor_control_nor_a_rollout_chooses_the_same_ones() -> None:
    tried = [user for user in USERS if is_in_canary(20, "v1", user)]

    for others in (
        [is_in_canary(20, "v2", user) for user in tried],
        [is_control(20, "v1", user) for user in tried],
        [is_rolled_out(20, "v1", user) for user in tried],
    ):
        assert sum(others) / len(tried) == pytest.approx(0.2, abs=0.03)
