"""What must hold before an attempt, as far as anyone can say without the throttle."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from saving_alerts.domain.alerts import Alert, Push, push_of, rfc3339
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.domain.stopped_pushes import Stoppable, active_switch
from saving_alerts.pipeline.gathering import Left
from saving_alerts.pipeline.push_decisions import name_of
from saving_alerts.ports.clock import Clock
from saving_alerts.ports.consent import Consent, NotKnown, OptedOut
from saving_alerts.ports.gone_devices import GoneDevice
from saving_alerts.ports.kill_switches import KillSwitches
from saving_alerts.ports.push_sender import PushSender
from saving_alerts.ports.trace_context import traceparent_now


@dataclass(frozen=True, slots=True)
class Unmet:
    """How the event ends if nothing of it was sent. `attempt` is one that the sender itself refused to make."""

    reason: Reason
    details: dict[str, object]
    attempt: tuple[str, ...] = ()


@dataclass(slots=True)
class Preconditions:
    """Those of one alert. They are asked anew whenever an attempt could start: a switch may come, time passes."""

    sender: PushSender
    kill_switches: KillSwitches
    consent: Consent
    clock: Clock
    alert: Alert
    rules: RuleSet
    gone: GoneDevice | None  # as it was remembered at the beginning
    left: Callable[[], Left | None]  # the departure that ends it

    @property
    def is_late(self) -> bool:
        return self.clock.now() >= self.alert.deadline

    def against(self) -> OptedOut | NotKnown | None:
        """What the user's consent says against a push."""
        return self.consent.against(self.alert.user_id)

    def push(self) -> Push:
        """The push as it would be sent now."""
        freshness = self.rules.freshness_of(self.alert.event_type)
        return push_of(self.alert, self.clock.now(), freshness, traceparent_now())

    def unmet(self) -> Unmet | None:
        """The first that does not hold, as far as the sender need not be asked: an attempt hears its refusal anyway."""
        if self.is_late:
            return self.late(None)
        if switch := active_switch(self.kill_switches.switches, self._stoppable(), self.clock.now()):
            return Unmet(Reason.KILLED, {"switch": str(switch)})
        if isinstance(against := self.against(), OptedOut):
            return Unmet(Reason.NO_CONSENT, {"consent": against.why})
        if (left := self.left()) is not None:
            return Unmet(Reason.LEFT, {"left_at": rfc3339(left.occurred_at), "departure": str(left.position)})
        if self.gone is not None:
            told = {"device_gone": self.gone.reason, "since": rfc3339(self.gone.since), "asked": False}
            return Unmet(Reason.PUSH_REFUSED, told)
        return None

    def refused(self) -> Unmet | None:
        """What the sender would refuse. It costs as much as encoding the push."""
        refused = self.sender.refusal(self.push())
        if refused is None:
            return None
        told: dict[str, object] = {"status": refused.status, "answer": refused.text}
        return Unmet(Reason.PUSH_REFUSED, told, (name_of(refused),))

    def late(self, busy_until: datetime | None) -> Unmet:
        """The deadline is over. Until `busy_until`, where it is known, another event of the user has the claim."""
        late = self.clock.now() - self.alert.deadline
        details: dict[str, object] = {"late_seconds": round(late.total_seconds(), 3)}
        if self.alert.deadline_by is not None:
            details["deadline_by"] = self.alert.deadline_by
        if busy_until is not None:
            details["busy_until"] = rfc3339(busy_until)
        if isinstance(against := self.against(), NotKnown):
            details["consent"] = against.why
        return Unmet(Reason.EXPIRED, details)

    def _stoppable(self) -> Stoppable:
        alert = self.alert
        return Stoppable(alert.merchant_id, alert.rule_id, alert.rules_version, alert.canary or None)
