"""Which kill switch stops a push, if one does."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from saving_alerts.domain.kill_switches import KEY_OF_ALL, KillScope, StandingSwitch, key_of, standing_at


class Stoppable(NamedTuple):
    """What a push can be stopped by: its merchant, its rule, and the version of the rules that made its alert.

    `canary`: the one whose rules these were; None where nobody tried them.
    """

    merchant_id: str
    rule_id: str
    rules_version: str
    canary: str | None = None


def active_switch(switches: Mapping[str, StandingSwitch], push: Stoppable, now: datetime) -> StandingSwitch | None:
    """The switch that stops this push now, the widest scope first; None if the push may be sent."""
    if not switches:
        return None
    stopping = (switches[key] for key in _keys_of(push) if key in switches)
    return next(iter(standing_at(stopping, now)), None)


def taken_back(switches: Mapping[str, StandingSwitch], canary: str, now: datetime) -> StandingSwitch | None:
    """The switch by which this canary is taken back; None while it is not."""
    switch = switches.get(key_of(KillScope.CANARY, canary)) if switches else None
    return next(iter(standing_at([switch] if switch else [], now)), None)


def _keys_of(push: Stoppable) -> tuple[str, ...]:
    canary = (key_of(KillScope.CANARY, push.canary),) if push.canary is not None else ()
    version, merchant = key_of(KillScope.VERSION, push.rules_version), key_of(KillScope.MERCHANT, push.merchant_id)
    return (KEY_OF_ALL, *canary, version, merchant, key_of(KillScope.RULE, push.rule_id))
