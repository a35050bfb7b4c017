"""Which canaries a worker must not use any more."""

from saving_alerts.domain.stopped_pushes import taken_back
from saving_alerts.ports.clock import Clock
from saving_alerts.ports.kill_switches import KillSwitches


class TakenBack:
    """By the kill switches; and once taken back, it is so for as long as the worker lives.

    The switch ends a day after the order has ended in S3. Who does not hear of that from S3 must not begin again.
    """

    def __init__(self, kill_switches: KillSwitches, clock: Clock) -> None:
        self._kill_switches = kill_switches
        self._clock = clock
        self._last: str | None = None

    def __call__(self, canary: str) -> bool:
        if canary == self._last:
            return True
        if taken_back(self._kill_switches.switches, canary, self._clock.now()) is None:
            return False
        self._last = canary
        return True
