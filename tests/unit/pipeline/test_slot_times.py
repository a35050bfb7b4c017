"""When a slot is, by the times of events: the same for whoever gathers them, and over before the next one begins."""

from datetime import datetime, timedelta
from random import Random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.alerts import Alert
from saving_alerts.pipeline.gathering import LEFT_FOR_THE_PUSH, MOST_GATHERED
from saving_alerts.pipeline.slot_times import slot_times
from saving_alerts.ports.throttle import SlotTimes
from tests.support.fakes.clock import START
from tests.support.fakes.slot_times import Span, lie_in_one, slot_of
from tests.support.sample_events import alert

WITHIN = timedelta(seconds=10)
LONG = timedelta(minutes=5)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def received(at: float, lives_for: timedelta = LONG) -> Alert:
    made = alert(round(1000 * at), deadline=after(at) + lives_for)
    return msgspec.structs.replace(made, received_at=after(at))


def seconds_of(times: SlotTimes | None) -> tuple[float, ...]:
    assert times is not None
    return tuple((each - START).total_seconds() for each in slot_of(times))


def seconds_beside(at: float, *others: float) -> tuple[float, ...]:
    return seconds_of(slot_times(received(at), [received(each) for each in others], WITHIN))


def test_where_nothing_is_gathered_there_is_none() -> None:
    assert slot_times(received(1), [], timedelta(0)) is None


def test_it_begins_with_its_first_event_whichever_wins() -> None:
    assert seconds_beside(4) == (4, 14)
    assert seconds_beside(4, 9, 0) == seconds_beside(9, 0, 4) == seconds_beside(0, 9, 4) == (0, 10)


def test_of_several_slots_that_an_outage_has_brought_together_each_has_its_own() -> None:
    at_once = (0, 9, 12, 40, 49)

    assert [seconds_beside(each, *(other for other in at_once if other != each)) for each in at_once] == [
        *((0, 10), (0, 10), (12, 22)),
        *((40, 50), (40, 50)),
    ]


def test_it_ends_before_a_deadline_as_the_gathering_does() -> None:
    short = LEFT_FOR_THE_PUSH + timedelta(seconds=3)

    assert seconds_of(slot_times(received(0, short), [], WITHIN)) == (0, 3)
    assert seconds_of(slot_times(received(0), [received(2, short)], WITHIN)) == (0, 5)


def test_where_no_more_are_gathered_it_ends_with_its_last_event() -> None:
    others = [received(each / 10) for each in range(1, MOST_GATHERED)]

    assert seconds_of(slot_times(received(0), others, WITHIN)) == (0, (MOST_GATHERED - 1) / 10)
    assert seconds_of(slot_times(received(0), others[:-1], WITHIN)) == (0, 10)


MOMENTS = st.lists(st.integers(0, 60_000), min_size=1, max_size=12, unique=True).map(sorted)


@given(MOMENTS, st.integers(0, 5_000))
def test_what_comes_in_order_after_the_end_of_a_gathering_is_of_no_slot_of_it(moments: list[int], delay: int) -> None:
    """Each comes to dispatch so many milliseconds after it was received."""
    alerts = [received(each / 1000) for each in moments]
    opened = alerts[0].received_at + timedelta(milliseconds=delay)
    gathered = [each for each in alerts if each.received_at + timedelta(milliseconds=delay) < opened + WITHIN]

    slots = [
        seconds_of(slot_times(each, [other for other in gathered if other is not each], WITHIN)) for each in gathered
    ]

    for late in moments[len(gathered) :]:
        assert all(late / 1000 >= ends for _, ends in slots)


@given(MOMENTS, st.data())
def test_every_event_lies_in_its_slot_and_who_knows_more_says_the_same_or_an_earlier_beginning(
    moments: list[int], data: st.DataObject
) -> None:
    """At the first event of all, and while nothing is further apart than a slot is long."""
    near = [received(each / 1000) for each in moments if each - moments[0] < WITHIN.total_seconds() * 1000]
    own = data.draw(st.sampled_from(near))
    known = [each for each in data.draw(st.lists(st.sampled_from(near), unique_by=id)) if each is not own]

    all_others = [each for each in near if each is not own]
    by_few, by_all = (seconds_of(slot_times(own, others, WITHIN)) for others in (known, all_others))

    assert by_all[0] == moments[0] / 1000 <= by_few[0]
    for began, ends in (by_few, by_all):
        assert after(began) <= own.received_at < after(ends)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=6, unique=True), st.integers(1, 6), st.randoms())
def test_however_events_are_spread_there_are_no_more_pushes_than_slots(
    moments: list[int], companies: int, random: Random
) -> None:
    """They are gathered in any company and order, and take their turns in any: each that is not outbid is pushed."""
    alerts = [received(each) for each in moments]
    company_of = {each.event_id: random.randrange(companies) for each in alerts}
    random.shuffle(alerts)
    charged: list[tuple[Alert, Span]] = []

    for own in sorted(alerts, key=lambda each: company_of[each.event_id]):
        others = [each for each in alerts if each is not own and company_of[each.event_id] == company_of[own.event_id]]
        times = slot_times(own, others, WITHIN)
        assert times is not None
        slot = slot_of(times, [each for _, each in charged])
        if not any(winner in others or lie_in_one(own.received_at, slot, its) for winner, its in charged):
            charged.append((own, slot))

    assert 1 <= len(charged) <= len(in_order(moments))


def in_order(moments: list[int]) -> list[int]:
    """Where the slots begin, if nothing goes wrong."""
    begins: list[int] = []
    for each in sorted(moments):
        if not begins or each >= begins[-1] + WITHIN.total_seconds():
            begins.append(each)
    return begins
