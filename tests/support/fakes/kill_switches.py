"""The KillSwitches port in memory."""

from saving_alerts.domain.kill_switches import KillSwitch, StandingSwitch


class FakeKillSwitches:
    """`switches` are those that are on."""

    def __init__(self) -> None:
        self.switches: dict[str, StandingSwitch] = {}

    def turn_on(self, switch: KillSwitch) -> None:
        self.switches[switch.key] = switch
