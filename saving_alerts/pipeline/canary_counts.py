"""What one worker sees of a canary while it is tried."""

from collections import Counter
from collections.abc import Callable

from saving_alerts.domain.alerts import Alert
from saving_alerts.domain.canary.evidence import Evidence
from saving_alerts.domain.canary.order import CanaryOrder
from saving_alerts.domain.reasons import Reason
from saving_alerts.pipeline.outcomes import Decided, Forward
from saving_alerts.pipeline.rule_decisions import when_errors
from saving_alerts.ports.clock import Clock

PUSHED = frozenset({Reason.PUSHED, Reason.WOULD_PUSH, Reason.PUSH_UNCERTAIN})


def _none() -> CanaryOrder | None:
    return None


class CanaryCounts:
    """Of the canary that is tried now, which `order` says; of another one it begins anew."""

    def __init__(self, clock: Clock, order: Callable[[], CanaryOrder | None] = _none) -> None:
        self._clock = clock
        self._order = order
        self._canary: str | None = None
        self._counts: Counter[str] = Counter()

    @property
    def evidence(self) -> Evidence:
        """Of the canary that is tried now; nothing where none is."""
        order = self._order()
        return Evidence(**self._counts) if order is not None and order.id == self._canary else Evidence()

    def evaluated(self, canary: str | None, outcome: Forward[Alert] | Decided) -> None:
        """An event came through the rules of this canary; None: of everybody else."""
        if canary is None or (isinstance(outcome, Decided) and outcome.reason is Reason.EXPIRED):
            return
        wanted, failed = isinstance(outcome, Forward), bool(when_errors(outcome))
        self._count(canary, evaluated=True, wanted=wanted, when_errors=failed)

    def dispatched(self, alert: Alert, decided: Decided) -> None:
        """An alert has ended. What was known already, and what nobody was asked for, says nothing."""
        canary = alert.canary
        if not canary or decided.details.get("again") or decided.details.get("asked") is False:
            return
        if decided.reason in PUSHED or decided.reason is Reason.PUSH_REFUSED:
            self._count(canary, tried=True, refused=decided.reason is Reason.PUSH_REFUSED)

    def opted_out(self, user_id: str) -> None:
        """Somebody does not want pushes any more."""
        order = self._order()
        if order is not None:
            self._count(order.id, opt_outs=True, opt_outs_tried=order.is_for(user_id, self._clock.now()))

    def _count(self, canary: str, **happened: bool) -> None:
        order = self._order()
        if order is None or order.id != canary or not order.is_tried(self._clock.now()):
            return
        if self._canary != canary:
            self._canary, self._counts = canary, Counter()
        self._counts.update(name for name, did in happened.items() if did)
