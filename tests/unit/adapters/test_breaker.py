from datetime import UTC, datetime, timedelta

import pytest

from saving_alerts.adapters.breaker import NO_WAIT, Breaker

NOW = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
PAUSE = timedelta(seconds=5)
LATER = NOW + PAUSE


@pytest.fixture
def breaker() -> Breaker:
    return Breaker(failures=3, pause=PAUSE)


def fail(breaker: Breaker, times: int, now: datetime = NOW) -> None:
    for _ in range(times):
        breaker.failed(breaker.epoch, now)


def probe(breaker: Breaker) -> int:
    fail(breaker, 3)
    epoch = breaker.admit(LATER)
    assert epoch is not None
    return epoch


def test_it_opens_after_so_many_failures_in_a_row(breaker: Breaker) -> None:
    fail(breaker, 3)

    assert breaker.is_open
    assert breaker.admit(NOW) is None


def test_one_answer_forgives_the_failures_before_it(breaker: Breaker) -> None:
    fail(breaker, 2)
    breaker.answered(breaker.epoch)
    fail(breaker, 2)

    assert not breaker.is_open


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param(NOW, PAUSE, id="at first"),
        pytest.param(NOW + timedelta(seconds=4), timedelta(seconds=1), id="in the middle"),
        pytest.param(LATER, NO_WAIT, id="when the pause is over"),
        pytest.param(NOW - timedelta(days=1), NO_WAIT, id="when the clock was set back"),
    ],
)
def test_it_says_how_long_it_stays_open(breaker: Breaker, now: datetime, expected: timedelta) -> None:
    fail(breaker, 3)

    assert breaker.wait(now) == expected


def test_after_the_pause_one_probe_is_let_through_and_no_other(breaker: Breaker) -> None:
    probe(breaker)

    assert (breaker.admit(LATER), breaker.wait(LATER), breaker.is_open) == (None, None, True)


def test_a_probe_that_is_answered_closes_it(breaker: Breaker) -> None:
    breaker.answered(probe(breaker))

    assert not breaker.is_open
    assert breaker.admit(LATER) is not None


def test_a_probe_that_fails_opens_it_for_another_pause(breaker: Breaker) -> None:
    breaker.failed(probe(breaker), LATER)

    assert breaker.wait(LATER) == PAUSE


def test_a_probe_that_says_nothing_makes_room_for_another_at_once(breaker: Breaker) -> None:
    breaker.abandoned(probe(breaker))

    assert breaker.admit(LATER) is not None


def test_what_started_before_the_failures_neither_closes_nor_opens_it(breaker: Breaker) -> None:
    old = breaker.epoch
    probe(breaker)
    breaker.answered(old)
    breaker.failed(old, LATER)
    breaker.abandoned(old)

    assert (breaker.is_open, breaker.wait(LATER)) == (True, None)
