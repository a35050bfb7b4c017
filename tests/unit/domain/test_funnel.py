"""The funnel loses every event at one step, the one that its reason names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.funnel import funnel
from saving_alerts.domain.reasons import FunnelStep, Reason

COUNTS = st.dictionaries(st.sampled_from(Reason), st.integers(0, 10**9))


@pytest.mark.parametrize("reason", Reason)
def test_an_event_is_lost_at_one_step_and_at_none_if_it_was_pushed(reason: Reason) -> None:
    steps = list(FunnelStep)
    reached = len(steps) if reason.row.stops_before is None else steps.index(reason.row.stops_before)

    assert [step.events for step in funnel(1, {reason: 1})] == [1] * reached + [0] * (len(steps) - reached)


def test_only_what_was_pushed_comes_to_the_end() -> None:
    assert [reason for reason in Reason if reason.row.stops_before is None] == [Reason.PUSHED]


@given(counts=COUNTS)
def test_every_event_that_ended_is_counted_once(counts: dict[Reason, int]) -> None:
    steps = {step.name: step.events for step in funnel(sum(counts.values()), counts)}
    after_the_alert = sum(counts.get(each, 0) for each in Reason if each.row.stops_before is FunnelStep.PUSHED)

    assert list(steps) == list(FunnelStep)
    assert steps["alert"] == after_the_alert + steps["pushed"]


def test_each_step_of_the_funnel_loses_what_ended_before_it() -> None:
    decisions: dict[str, int] = {
        Reason.INVALID: 30,
        Reason.NOT_A_TRIGGER: 870,
        Reason.NO_CONSENT: 50,
        Reason.NO_COUPON: 25,
        Reason.RULE_REFUSED: 15,
        Reason.PUSHED: 10,
    }

    assert [(step.name, step.events) for step in funnel(1000, decisions)] == [
        ("read", 1000),
        ("valid", 970),
        ("trigger", 100),
        ("fresh, with consent", 50),
        ("coupon", 25),
        ("alert", 10),
        ("pushed", 10),
    ]


def test_a_share_is_of_what_was_read() -> None:
    assert funnel(200, {Reason.PUSHED: 1})[-1].share == 0.005


def test_a_funnel_that_read_nothing_has_no_share() -> None:
    assert {step.share for step in funnel(0, {})} == {0.0}


def test_more_endings_than_were_read_here_is_never_less_than_none() -> None:
    assert min(step.events for step in funnel(1, {Reason.NO_COUPON: 5})) == 0
