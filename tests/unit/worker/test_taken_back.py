"""What is taken back stays so for a worker, also where it does not hear from S3 that the canary has ended."""

from datetime import timedelta

from saving_alerts.domain.kill_switches import KillScope, KillSwitch
from saving_alerts.worker.taken_back import TakenBack
from tests.support.fakes.clock import START, FakeClock
from tests.support.fakes.kill_switches import FakeKillSwitches
from tests.support.sample_canary import an_order

CANARY, ANOTHER = an_order().id, an_order(mark="ffffff").id
DAY = timedelta(days=1)


def test_a_switch_that_has_ended_has_taken_back_for_good() -> None:
    clock, switches = FakeClock(), FakeKillSwitches()
    is_taken_back = TakenBack(switches, clock)
    before = is_taken_back(CANARY)
    switches.turn_on(
        KillSwitch(scope=KillScope.CANARY, id=CANARY, reason="loud", by="tom", since=START, until=START + DAY)
    )

    during, another = is_taken_back(CANARY), is_taken_back(ANOTHER)
    clock.advance(2 * DAY)

    assert (before, during, another, is_taken_back(CANARY)) == (False, True, False, True)
    assert not TakenBack(switches, clock)(CANARY)
