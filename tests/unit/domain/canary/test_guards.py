"""A guard breaks soon where it must, and hardly ever where all is as foretold, however often one looks."""

from random import Random

import pytest

from saving_alerts.domain.canary.guards import ENOUGH, ERROR, Guard, against_both

RUNS = 200
SECONDS = 30
CANARY_EVENTS_PER_SECOND = 50  # 5 % of 1,000


def seconds_until_broken(guard: Guard, rate: float, random: Random, most_seconds: int) -> int | None:
    """Looked at every second; None if it holds for so long."""
    for second in range(most_seconds):
        guard.count(CANARY_EVENTS_PER_SECOND, sum(random.random() < rate for _ in range(CANARY_EVENTS_PER_SECOND)))
        if guard.broken:
            return second + 1
    return None


@pytest.mark.parametrize("foretold", [0.02, 0.1, 0.3])
def test_three_times_as_many_pushes_as_foretold_are_noticed_within_thirty_seconds(foretold: float) -> None:
    found = [
        seconds_until_broken(against_both("pushes", foretold, 2)[0], 3 * foretold, Random(seed), SECONDS)
        for seed in range(RUNS)
    ]

    assert None not in found


@pytest.mark.parametrize("foretold", [0.02, 0.1, 0.3])
def test_a_canary_as_foretold_is_never_rolled_back(foretold: float) -> None:
    """An hour of each of 200, looked at every second."""
    for seed in range(RUNS // 10):
        random = Random(seed)
        guards = against_both("pushes", foretold, 2)
        assert [seconds_until_broken(guard, foretold, random, 3_600 // 4) for guard in guards] == [None, None]


def test_far_too_few_are_noticed_as_well() -> None:
    assert seconds_until_broken(against_both("pushes", 0.3, 2)[1], 0.05, Random(1), SECONDS) is not None


def test_what_is_harmless_is_no_evidence() -> None:
    """Fewer errors than foretold never break a guard against errors."""
    guard = Guard("when errors", 0.01, 0.05)

    guard.count(1_000_000, 5_000)

    assert guard.broken is None


def test_what_was_never_foretold_breaks_it_only_when_it_comes_again() -> None:
    guard = Guard("when errors", 0, 0.01)
    guard.count(1, 1)
    first = guard.broken

    guard.count(10, 3)

    assert (first, guard.broken) == (
        None,
        "when errors: 4 of 11 events, which is 36.36%; 0.00% was foretold, the limit is 1.00%",
    )


def test_it_says_what_it_saw_when_it_broke_and_stays_broken() -> None:
    guard = Guard("push_refused", 0.1, 0.2)
    guard.count(100, 60)
    said = guard.broken

    guard.count(10_000, 0)

    assert said is not None
    assert guard.broken == said
    assert "60 of 100 events" in said


@pytest.mark.parametrize(("foretold", "factor"), [(0, 2), (1, 2), (0.1, 1)])
def test_nothing_can_be_guarded_against_what_cannot_be_told_apart(foretold: float, factor: float) -> None:
    with pytest.raises(ValueError, match="nothing comes"):
        against_both("pushes", foretold, factor)


def test_a_limit_that_is_what_was_foretold_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be told"):
        Guard("pushes", 0.1, 0.1)


def test_the_error_is_what_is_stated() -> None:
    """Of runs at the foretold rate, with 1 / 100 in place of 1 / 100,000 at most one in a hundred comes that far."""
    came_far = 0
    for seed in range(2_000):
        guard, random = Guard("pushes", 0.2, 0.4), Random(seed)
        reached = False
        for _ in range(300):
            guard.count(1, int(random.random() < 0.2))
            reached = reached or guard._evidence >= ENOUGH * 2 / 5
        came_far += reached

    assert pytest.approx(0.01) == ERROR ** (2 / 5)
    assert 0 < came_far / 2_000 <= 0.01
