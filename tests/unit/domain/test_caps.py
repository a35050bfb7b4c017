"""Caps are rolling windows: who has had enough, and until when."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.caps import Blocked, Cap, CapPer, CountedSend, blocking_cap

NOW = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
DAILY = Cap(CapPer.USER, 1, 24)
TWICE_A_WEEK = Cap(CapPer.USER, 2, 168)
PER_MERCHANT = Cap(CapPer.USER_AND_MERCHANT, 1, 48)
MERCHANTS = ("m-1", "m-2", "m-3")


def sent(hours_ago: float, merchant_id: str = "m-1") -> CountedSend:
    return CountedSend(merchant_id, NOW - timedelta(hours=hours_ago))


def after(hours: float) -> datetime:
    return NOW + timedelta(hours=hours)


@pytest.mark.parametrize(
    ("caps", "sends", "blocked"),
    [
        pytest.param([DAILY], [], None, id="nothing was sent"),
        pytest.param([], [sent(0)], None, id="no caps"),
        pytest.param([DAILY], [sent(1)], Blocked(DAILY, after(23)), id="one a day was sent"),
        pytest.param([DAILY], [sent(24)], None, id="exactly a day ago"),
        pytest.param([DAILY], [sent(23.999)], Blocked(DAILY, after(0.001)), id="almost a day ago"),
        pytest.param([DAILY], [sent(-1)], Blocked(DAILY, after(25)), id="sent by a clock that is ahead"),
        pytest.param([TWICE_A_WEEK], [sent(1)], None, id="one of two"),
        pytest.param([TWICE_A_WEEK], [sent(1), sent(100)], Blocked(TWICE_A_WEEK, after(68)), id="two of two"),
        pytest.param([TWICE_A_WEEK], [sent(1), sent(9), sent(100)], Blocked(TWICE_A_WEEK, after(159)), id="too many"),
        pytest.param([PER_MERCHANT], [sent(1, "m-2")], None, id="another merchant"),
        pytest.param([PER_MERCHANT], [sent(1)], Blocked(PER_MERCHANT, after(47)), id="this merchant"),
        pytest.param([DAILY, PER_MERCHANT], [sent(1)], Blocked(PER_MERCHANT, after(47)), id="the longer one is named"),
        pytest.param([PER_MERCHANT, DAILY], [sent(1, "m-2")], Blocked(DAILY, after(23)), id="all caps apply"),
    ],
)
def test_a_user_is_blocked_while_a_window_is_full(
    caps: list[Cap], sends: list[CountedSend], blocked: Blocked | None
) -> None:
    assert blocking_cap(caps, sends, "m-1", NOW) == blocked


def test_a_cap_is_written_as_people_say_it() -> None:
    assert str(DAILY) == "1 per user in 24 h"


# Whole hours, so that a naive reference can walk through them one by one.
hours = st.integers(1, 168)
all_caps = st.lists(st.builds(Cap, st.sampled_from(CapPer), st.integers(1, 4), hours), max_size=4)
all_sends = st.lists(st.builds(sent, st.integers(0, 200), st.sampled_from(MERCHANTS)), max_size=8)


def is_full(cap: Cap, sends: list[CountedSend], merchant_id: str, at: datetime) -> bool:
    """The reference: count what lies in the window that ends at this moment."""
    begin = at - timedelta(hours=cap.hours)
    per_user = cap.per is CapPer.USER
    counted = [send for send in sends if send.sent_at > begin and (per_user or send.merchant_id == merchant_id)]
    return len(counted) >= cap.pushes


def full_until(caps: list[Cap], sends: list[CountedSend], merchant_id: str) -> datetime | None:
    full = [hour for hour in range(169) if any(is_full(cap, sends, merchant_id, after(hour)) for cap in caps)]
    return after(full[-1] + 1) if full else None


@given(caps=all_caps, sends=all_sends, merchant_id=st.sampled_from(MERCHANTS))
def test_blocking_agrees_with_counting_hour_by_hour(
    caps: list[Cap], sends: list[CountedSend], merchant_id: str
) -> None:
    blocked = blocking_cap(caps, sends, merchant_id, NOW)

    assert (blocked.until if blocked else None) == full_until(caps, sends, merchant_id)


@given(caps=all_caps, sends=all_sends, merchant_id=st.sampled_from(MERCHANTS))
def test_there_is_room_again_from_the_moment_that_was_named(
    caps: list[Cap], sends: list[CountedSend], merchant_id: str
) -> None:
    blocked = blocking_cap(caps, sends, merchant_id, NOW)

    if blocked:
        assert blocking_cap(caps, sends, merchant_id, blocked.until) is None
        assert blocking_cap(caps, sends, merchant_id, blocked.until - timedelta(microseconds=1)) is not None


@given(caps=all_caps, sends=all_sends, data=st.data())
def test_the_order_of_sends_means_nothing(caps: list[Cap], sends: list[CountedSend], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(sends))

    assert blocking_cap(caps, shuffled, "m-1", NOW) == blocking_cap(caps, sends, "m-1", NOW)


@given(
    caps=all_caps,
    minutes=st.lists(st.integers(0, 24 * 60 * 10), max_size=60),
    cap=st.sampled_from([DAILY, TWICE_A_WEEK]),
)
def test_who_obeys_never_sends_more_than_a_cap_in_any_window(caps: list[Cap], minutes: list[int], cap: Cap) -> None:
    sends: list[CountedSend] = []
    for moment in sorted(NOW + timedelta(minutes=minute) for minute in minutes):
        if blocking_cap([*caps, cap], sends, "m-1", moment) is None:
            sends.append(CountedSend("m-1", moment))

    window = timedelta(hours=cap.hours)
    for first in sends:
        assert sum(first.sent_at <= send.sent_at < first.sent_at + window for send in sends) <= cap.pushes
