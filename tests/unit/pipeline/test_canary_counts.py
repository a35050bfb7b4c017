"""What a worker counts of a canary: what its rules decided, once each, while it is tried."""

from datetime import timedelta

import msgspec
import pytest

from saving_alerts.domain.alerts import Alert
from saving_alerts.domain.canary.evidence import Evidence
from saving_alerts.domain.canary.order import CanaryOrder
from saving_alerts.domain.reasons import Reason
from saving_alerts.pipeline.canary_counts import CanaryCounts
from saving_alerts.pipeline.outcomes import Decided, Forward
from tests.support.fakes.clock import START, FakeClock
from tests.support.sample_canary import HOURS, an_order
from tests.support.sample_events import alert

ORDER, ANOTHER = an_order(percent=50), an_order(mark="ffffff")
USERS = [f"u-{number}" for number in range(100)]
WRONG = {"refusals": [{"rule_id": "r-1", "clause": "when", "error": "no such field"}]}


class Harness:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.order: CanaryOrder | None = ORDER
        self.counts = CanaryCounts(self.clock, lambda: self.order)

    def evaluate(self, *outcomes: Forward[Alert] | Decided, canary: str | None = ORDER.id) -> Evidence:
        for outcome in outcomes:
            self.counts.evaluated(canary, outcome)
        return self.counts.evidence

    def dispatch(self, *decisions: Decided, canary: str = ORDER.id) -> Evidence:
        for decided in decisions:
            self.counts.dispatched(msgspec.structs.replace(alert(), canary=canary), decided)
        return self.counts.evidence


@pytest.fixture
def harness() -> Harness:
    return Harness()


def test_what_its_rules_want_and_refuse_is_counted(harness: Harness) -> None:
    failed = msgspec.structs.replace(alert(), when_errors={"r-1": "no such field"})

    found = harness.evaluate(
        Forward(alert()), Forward(failed), Decided(Reason.RULE_REFUSED), Decided(Reason.RULE_REFUSED, WRONG)
    )

    assert found == Evidence(evaluated=4, wanted=2, when_errors=2)


def test_what_came_too_late_for_the_rules_says_nothing_of_them(harness: Harness) -> None:
    assert harness.evaluate(Decided(Reason.EXPIRED)) == Evidence()


def test_what_other_rules_do_is_not_counted_and_leaves_what_was_counted(harness: Harness) -> None:
    ours = harness.evaluate(Forward(alert()))
    harness.evaluate(Forward(alert()), canary=None)
    harness.evaluate(Forward(alert()), canary=ANOTHER.id)
    harness.dispatch(Decided(Reason.PUSHED), canary=ANOTHER.id)
    harness.counts.dispatched(alert(), Decided(Reason.PUSHED))

    assert harness.counts.evidence == ours == Evidence(evaluated=1, wanted=1)


def test_pushes_and_refusals_of_the_push_api_are_counted(harness: Harness) -> None:
    ends = [Reason.PUSHED, Reason.PUSH_UNCERTAIN, Reason.WOULD_PUSH, Reason.PUSH_REFUSED, Reason.CAPPED, Reason.KILLED]

    assert harness.dispatch(*(Decided(reason) for reason in ends)) == Evidence(tried=4, refused=1)


def test_what_was_pushed_before_and_what_nobody_was_asked_for_is_not_counted(harness: Harness) -> None:
    again, unasked = Decided(Reason.PUSHED, {"again": True}), Decided(Reason.PUSH_REFUSED, {"asked": False})

    assert harness.dispatch(again, unasked) == Evidence()


def test_opt_outs_of_everybody_are_counted_and_those_of_its_users_among_them(harness: Harness) -> None:
    for user in USERS:
        harness.counts.opted_out(user)

    tried = sum(ORDER.is_for(user, START) for user in USERS)
    assert harness.counts.evidence == Evidence(opt_outs=100, opt_outs_tried=tried)
    assert 30 < tried < 70


def test_another_canary_begins_at_nothing(harness: Harness) -> None:
    harness.evaluate(Forward(alert()))
    harness.order = ANOTHER
    before = harness.counts.evidence

    assert before == Evidence()
    assert harness.evaluate(Forward(alert()), canary=ANOTHER.id) == Evidence(evaluated=1, wanted=1)


@pytest.mark.parametrize("moment", [START + HOURS, START + HOURS + timedelta(days=1)])
def test_when_its_time_is_over_nothing_more_is_counted(harness: Harness, moment: object) -> None:
    harness.clock.set(moment)  # type: ignore[arg-type]

    assert harness.evaluate(Forward(alert())) == Evidence()


def test_without_a_canary_nothing_is_counted(harness: Harness) -> None:
    harness.order = None
    harness.counts.opted_out("u-1")

    assert harness.evaluate(Forward(alert())) == Evidence()
    assert CanaryCounts(harness.clock).evidence == Evidence()
