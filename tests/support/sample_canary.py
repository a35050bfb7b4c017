"""An order of a canary. Unchanged it counts; each test changes one thing."""

from datetime import timedelta

from saving_alerts.domain.canary.order import CanaryOrder, Foretold
from tests.support.fakes.clock import START

VERSION, LIVE = "0123456789ab", "ba9876543210"
HOURS = timedelta(hours=2)


def an_order(version: str = VERSION, live: str = LIVE, percent: float = 5, mark: str = "a1b2c3") -> CanaryOrder:
    return CanaryOrder(
        id=f"{version}-{mark}",
        version=version,
        instead_of=live,
        percent=percent,
        begins=START,
        ends=START + HOURS,
        by="ines",
        note="coffee on weekends",
        foretold=Foretold(pushes=0.1),
    )
