"""The kill switches as dispatch needs them."""

from collections.abc import Mapping
from typing import Protocol

from saving_alerts.domain.kill_switches import StandingSwitch


class KillSwitches(Protocol):
    """What stops pushes at once. Known before the first event, followed ever after."""

    @property
    def switches(self) -> Mapping[str, StandingSwitch]:
        """Those that are on, by the keys of what they stop."""
