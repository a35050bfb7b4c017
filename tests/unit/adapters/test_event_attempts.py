"""Which failures count against an event: a table of orders, and any order that one outage can bring about."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saving_alerts.adapters.event_attempts import EventAttempts, RequestOrder

AT_MOST = 3
TOTAL_SECONDS = 15.0
EVENTS = ("one event", "another event")
# Of one outage: an attempt that began before it, and one that failed after it.
MOST_COUNTED_BY_AN_OUTAGE = 2


def failed_after(story: Sequence[str]) -> int:
    """How many failures of one event count, when others begin, are answered, and it fails, in this order."""
    order = RequestOrder()
    event, other = EventAttempts(order, at_most=100, seconds=1e9), 0
    counted = 0
    for step in story:
        match step:
            case "asks":
                event.begin(0.0)
            case "fails":
                left = event.seconds_left
                event.failed(1.0)
                counted += event.seconds_left < left
            case "is throttled":
                event.throttled()
            case "other asks":
                other = order.begin()
            case "other is answered":
                order.answered(other)
    return counted


OTHER = ["other asks", "other is answered"]


@pytest.mark.parametrize(
    ("story", "counted"),
    [
        pytest.param(["asks", "fails"] * 9, 0, id="nobody is answered"),
        pytest.param(["asks", *OTHER, "fails"], 1, id="another was answered meanwhile"),
        pytest.param([*OTHER, "asks", "fails"], 0, id="another was answered before"),
        pytest.param(["other asks", "asks", "other is answered", "fails"], 0, id="one that began before"),
        pytest.param(["asks", "fails", *OTHER], 0, id="another is answered afterwards"),
        pytest.param(["asks", "fails", *OTHER, "asks", "fails"], 1, id="it fails at once, others are answered between"),
        pytest.param(["asks", *OTHER, "fails", "asks", "fails", "asks", "fails"], 1, id="then nobody is answered"),
        pytest.param(["asks", "fails", *OTHER, "asks", "is throttled", "asks", "fails"], 0, id="later is no answer"),
        pytest.param([*["asks", *OTHER, "fails"] * 3], 3, id="it alone fails again and again"),
    ],
)
def test_a_failure_counts_if_others_were_answered_since_the_one_before(story: list[str], counted: int) -> None:
    assert failed_after(story) == counted


def test_an_event_is_used_up_by_its_last_counted_attempt() -> None:
    order = RequestOrder()
    event = EventAttempts(order, AT_MOST, TOTAL_SECONDS)
    used_up = []
    for _ in range(AT_MOST):
        event.begin(0.0)
        order.answered(order.begin())
        event.failed(4.0)
        used_up.append(event.are_used_up)

    assert used_up == [False, False, True]


def test_an_event_is_used_up_when_its_counted_attempts_took_all_its_time() -> None:
    order = RequestOrder()
    event = EventAttempts(order, AT_MOST, TOTAL_SECONDS)
    event.begin(100.0)
    order.answered(order.begin())

    event.failed(100.0 + TOTAL_SECONDS)

    assert event.are_used_up


def test_a_free_attempt_takes_none_of_its_time() -> None:
    event = EventAttempts(RequestOrder(), AT_MOST, TOTAL_SECONDS)
    event.begin(100.0)

    event.failed(200.0)

    assert (event.seconds_left, event.are_used_up) == (TOTAL_SECONDS, False)


class OneOutage:
    """Two events ask beside others; during the outage nobody is answered, before and after it everybody is.

    An attempt that is under way when the outage begins or ends may fail at any later moment.
    """

    def __init__(self) -> None:
        self.order = RequestOrder()
        self.events = {name: self._event() for name in EVENTS}
        self.others: list[int] = []
        self.touched: dict[str, bool] = {}  # attempts under way: whether the outage has touched them
        self.is_on = False

    def _event(self) -> EventAttempts:
        return EventAttempts(self.order, AT_MOST, TOTAL_SECONDS)

    def turn(self, *, on: bool) -> None:
        self.is_on = on
        self.others = []
        self.touched = {name: on or touched for name, touched in self.touched.items()}

    def go_on(self, step: str) -> None:
        match step:
            case "other asks":
                self.others.append(self.order.begin())
            case "other is answered":
                if self.others and not self.is_on:
                    self.order.answered(self.others.pop())
            case event:
                self._event_goes_on(event)

    def _event_goes_on(self, name: str) -> None:
        """It asks, or its attempt ends: fails if the outage has touched it, else it is answered."""
        if name not in self.touched:
            self.events[name].begin(0.0)
            self.touched[name] = self.is_on
        elif self.touched.pop(name):
            self.events[name].failed(0.0)
        else:
            self.order.answered(self.events[name].number)
            self.events[name] = self._event()


def some_steps(at_least: int) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from([*EVENTS, "other asks", "other is answered"]), min_size=at_least, max_size=30)


@given(before=some_steps(3), meanwhile=some_steps(8), after=some_steps(3))
@settings(max_examples=500)
def test_no_order_of_things_in_one_outage_uses_an_event_up(
    before: list[str], meanwhile: list[str], after: list[str]
) -> None:
    outage = OneOutage()
    for on, steps in ((False, before), (True, meanwhile), (False, after)):
        outage.turn(on=on)
        for step in steps:
            outage.go_on(step)
            assert all(event._counted <= MOST_COUNTED_BY_AN_OUTAGE for event in outage.events.values())
            assert not any(event.are_used_up for event in outage.events.values())
