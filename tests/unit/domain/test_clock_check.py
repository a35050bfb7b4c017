"""When a worker's own clock is not to be believed, and that an operator can read why."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.clock_check import MIN_EVENTS, ClockEvidence, ClockLimits, judge

LIMITS = ClockLimits(max_ahead=timedelta(seconds=120), margin=timedelta(seconds=2))


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


@pytest.mark.parametrize(
    ("evidence", "trusted", "agrees", "words"),
    [
        pytest.param(ClockEvidence(), True, True, "Redis has not said its time yet", id="nobody said anything"),
        pytest.param(ClockEvidence(seconds(0), 900, 3), True, True, "3 of 900 events", id="a few are dated ahead"),
        pytest.param(ClockEvidence(seconds(-2)), True, True, "agrees with Redis' clock", id="within the margin"),
        pytest.param(ClockEvidence(seconds(3)), True, False, "Redis' clock is 3 s ahead of", id="beyond the margin"),
        pytest.param(ClockEvidence(seconds(-60)), True, False, "60 s behind this machine's", id="at the limit"),
        pytest.param(ClockEvidence(seconds(61)), False, False, "61 s ahead of this machine's", id="ours is behind"),
        pytest.param(ClockEvidence(seconds(-61)), False, False, "nothing is taken", id="ours is ahead"),
        pytest.param(ClockEvidence(seconds(0), 20, 11), False, False, "11 of the last 20", id="most are dated ahead"),
        pytest.param(ClockEvidence(None, 20, 11), False, False, "set this machine's clock", id="and no Redis"),
        pytest.param(ClockEvidence(seconds(0), 20, 10), True, True, "10 of 20", id="half of them"),
        pytest.param(ClockEvidence(None, 19, 19), True, True, "19 of 19", id="all of too few"),
    ],
)
def test_what_speaks_against_a_clock(evidence: ClockEvidence, *, trusted: bool, agrees: bool, words: str) -> None:
    judgement = judge(evidence, LIMITS)

    assert (judgement.trusted, judgement.agrees) == (trusted, agrees)
    assert words.lower() in judgement.text.lower()


@given(
    ahead=st.none() | st.timedeltas(timedelta(days=-400_000), timedelta(days=400_000)),
    events=st.integers(0, 10**9),
    share=st.floats(0, 1),
)
def test_it_is_trusted_unless_one_of_the_two_says_no(ahead: timedelta | None, events: int, share: float) -> None:
    dated_ahead = int(events * share)
    redis_says_no = ahead is not None and abs(ahead) > LIMITS.max_difference
    events_say_no = events >= MIN_EVENTS and dated_ahead * 2 > events

    judgement = judge(ClockEvidence(ahead, events, dated_ahead), LIMITS)

    assert judgement.trusted is not (redis_says_no or events_say_no)
    assert judgement.trusted or not judgement.agrees
