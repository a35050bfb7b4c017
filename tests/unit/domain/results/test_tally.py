"""Users are compared in the arm of their first alert, whatever came later."""

from datetime import timedelta

from saving_alerts.domain.results.assignments import Arm
from saving_alerts.domain.results.tally import Compared, Tally, UserOutcome
from saving_alerts.domain.uplift.intervals import Arm as Users
from tests.support.fakes.clock import START

HOUR = timedelta(hours=1)


def test_a_user_who_changes_the_arm_stays_in_the_first_one_in_whatever_order_it_is_read() -> None:
    in_order, backwards = UserOutcome(Arm.CONTROL, START), UserOutcome(Arm.TREATED, START + HOUR)

    in_order.add(Arm.TREATED, START + HOUR, redeemed=True)
    backwards.add(Arm.CONTROL, START, redeemed=False)

    assert (in_order.arm, in_order.redeemed) == (Arm.CONTROL, True)
    assert (backwards.arm, backwards.redeemed) == (Arm.CONTROL, False)


def test_only_where_a_share_was_to_be_control_there_is_a_comparison() -> None:
    tally = Tally()
    for percent in (None, 0, 100, 20):
        tally.add_user(Compared("coffee", percent), UserOutcome(Arm.TREATED, START, redeemed=True))

    found = {percent: tally.comparison(Compared("coffee", percent), 14, 0.02) for percent in (None, 0, 100, 20)}

    assert [percent for percent, comparison in found.items() if comparison] == [20]
    assert found[20] is not None
    assert (found[20].treated, found[20].control, found[20].expected) == (Users(1, 1), Users(0, 0), 0.2)
