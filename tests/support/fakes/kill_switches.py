"""The KillSwitches port in memory."""

from saving_alerts.domain.kill_switches import KillSwitch


class FakeKillSwitches:
    """`switches` are those that are on."""

    def __init__(self) -> None:
        self.switches: dict[str, KillSwitch] = {}

    def turn_on(self, switch: KillSwitch) -> None:
        self.switches[switch.key] = switch
