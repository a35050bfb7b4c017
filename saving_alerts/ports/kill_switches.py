"""The kill switches as dispatch needs them."""

from collections.abc import Mapping
from typing import Protocol

from saving_alerts.domain.kill_switches import StandingSwitch


class KillSwitches(Protocol):
    """The kill switches. They are read before the first event, and followed from then on."""

    @property
    def switches(self) -> Mapping[str, StandingSwitch]:
        """The switches that are on, by the keys of what they stop."""
