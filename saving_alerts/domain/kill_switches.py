"""A kill switch stops pushes at once: all of them, those of a merchant, or those of a rule."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

import msgspec


class KillScope(StrEnum):
    ALL = "all"
    MERCHANT = "merchant"
    RULE = "rule"


class KillSwitch(msgspec.Struct, frozen=True, kw_only=True):
    """One switch that is on: who turned it on, when and why. `id` is the merchant's or the rule's, empty for all."""

    scope: KillScope
    id: str = ""
    reason: str
    by: str
    since: datetime

    @property
    def key(self) -> str:
        return key_of(self.scope, self.id)

    def __str__(self) -> str:
        return f"{self.key} since {self.since:%Y-%m-%d %H:%M:%S} by {self.by}: {self.reason}"


def key_of(scope: KillScope, identifier: str) -> str:
    """The key of the switch's record on its topic, which people read too: `all`, `merchant:m-123`, `rule:coffee`."""
    return str(scope) if scope is KillScope.ALL else f"{scope}:{identifier}"


def active_switch(switches: Mapping[str, KillSwitch], merchant_id: str, rule_id: str) -> KillSwitch | None:
    """The switch that stops this push, the widest scope first; None if the push may be sent."""
    keys: Iterable[str] = (
        key_of(KillScope.ALL, ""),
        key_of(KillScope.MERCHANT, merchant_id),
        key_of(KillScope.RULE, rule_id),
    )
    return next((switches[key] for key in keys if key in switches), None)
