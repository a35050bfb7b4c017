"""What every dispatch needs, and what it makes of that for one alert."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from saving_alerts.domain.alerts import Alert
from saving_alerts.domain.budgets import BudgetDay, budget_days
from saving_alerts.domain.caps import MOST_SENDS
from saving_alerts.domain.merchants import Merchant
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.failpoints import Failpoints
from saving_alerts.pipeline.claim_holder import ClaimHolder
from saving_alerts.pipeline.drain import Drain
from saving_alerts.pipeline.gathering import Slot
from saving_alerts.pipeline.preconditions import Preconditions
from saving_alerts.pipeline.slot_times import slot_times
from saving_alerts.ports.clock import Clock
from saving_alerts.ports.consent import AsTheEventSaid, Consent
from saving_alerts.ports.gone_devices import GoneDevices, NobodyGone
from saving_alerts.ports.kill_switches import KillSwitches
from saving_alerts.ports.push_sender import PushSender
from saving_alerts.ports.push_sends import PushSends
from saving_alerts.ports.throttle import Throttle


def _not_known(_merchant_id: str) -> None:
    """Of no merchant is known when its stores are open."""


@dataclass(frozen=True, slots=True)
class DispatchPorts:
    """The ports, who we are, how much lease an attempt asks for, and the merchant of an id, if it is known."""

    throttle: Throttle
    sender: PushSender
    push_sends: PushSends
    kill_switches: KillSwitches
    clock: Clock
    incarnation: str
    lease_left: timedelta
    claim_numbers: Iterator[int]
    sent: Reason = Reason.PUSHED  # in a dry run nothing is
    failpoints: Failpoints = field(default_factory=Failpoints)
    consent: Consent = field(default_factory=AsTheEventSaid)
    gone_devices: GoneDevices = field(default_factory=NobodyGone)
    drain: Drain = field(default_factory=Drain)
    merchant: Callable[[str], Merchant | None] = _not_known

    def claim_of(self, alert: Alert, rules: RuleSet, slot: Slot) -> ClaimHolder:
        return ClaimHolder(
            alert=alert,
            caps=(*rules.caps, MOST_SENDS),
            throttle=self.throttle,
            push_sends=self.push_sends,
            clock=self.clock,
            failpoints=self.failpoints,
            drain=self.drain,
            incarnation=self.incarnation,
            numbers=self.claim_numbers,
            budgets=lambda: self._budgets(alert, rules),
            slot=slot.event_ids_beside(alert),
            slot_times=slot_times(alert, slot.others, rules.choose_within),
        )

    def _budgets(self, alert: Alert, rules: RuleSet) -> tuple[BudgetDay, ...]:
        if not rules.budgets:
            return ()
        merchant = self.merchant(alert.merchant_id)
        return budget_days(rules.budgets, alert.rule_id, merchant, alert.merchant_id, self.clock.now())

    async def preconditions_of(self, alert: Alert, rules: RuleSet, slot: Slot) -> Preconditions:
        return Preconditions(
            sender=self.sender,
            kill_switches=self.kill_switches,
            consent=self.consent,
            clock=self.clock,
            alert=alert,
            rules=rules,
            gone=await self.gone_devices.of(alert.user_id),
            left=slot.left,
        )
