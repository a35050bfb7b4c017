"""The step `dispatch_push` of a worker: alerts are gathered where the rules ask for it, and departures end some."""

from datetime import timedelta

import msgspec

from saving_alerts.domain.alerts import Alert, Departure
from saving_alerts.domain.decisions import Versions
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.failpoints import Failpoint
from saving_alerts.pipeline.canary_counts import CanaryCounts
from saving_alerts.pipeline.dispatch import Dispatcher
from saving_alerts.pipeline.gathering import Gatherings, Slot
from saving_alerts.pipeline.outcomes import Decided
from saving_alerts.pipeline.user_turns import UserTurns
from saving_alerts.reference_data.snapshot import ReferenceData


class GatheredDispatch:
    """Of one worker. One user's alerts are dispatched one after the other."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        turns: UserTurns,
        reference_data: ReferenceData,
        canary: CanaryCounts | None = None,
    ) -> None:
        self._dispatcher = dispatcher
        self._turns = turns
        self._reference_data = reference_data
        self._canary = canary or CanaryCounts(dispatcher.clock)
        self.gatherings = Gatherings(dispatcher.clock, self._choose_within, dispatcher.failpoints)

    async def dispatch_push(self, value: Alert | Departure) -> Decided:
        if isinstance(value, Departure):
            return self._departed(value)
        async with self.gatherings.turn(value) as slot, self._turns.dispatching(value.user_id):
            if slot.others:
                self._dispatcher.failpoints.reach(Failpoint.AFTER_GATHERING)
            decided = await self._dispatcher.dispatch_push(value, self._rules_of(value.user_id), slot)
        self._canary.dispatched(value, decided)
        return _told(decided, value, slot) if slot.others or slot.gathered else decided

    def _departed(self, departure: Departure) -> Decided:
        """Nobody listens to it: it ends as what it would be if nothing was gathered."""
        ended = [str(alert.position) for alert in self.gatherings.depart(departure)]
        versions = Versions(rules=departure.rules_version, canary=departure.canary or None)
        return Decided(Reason.NOT_A_TRIGGER, {"ended": ended}, versions)

    def _choose_within(self, user_id: str | None) -> timedelta:
        if user_id is None:
            return self._reference_data.current.longest_choice
        return self._rules_of(user_id).choose_within

    def _rules_of(self, user_id: str) -> RuleSet:
        return self._reference_data.current.of(user_id, self._dispatcher.clock.now()).rules


def _told(decided: Decided, alert: Alert, slot: Slot) -> Decided:
    gathered = {"with": list(slot.event_ids_beside(alert)), "seconds": round(slot.gathered.total_seconds(), 3)}
    return msgspec.structs.replace(decided, details={**decided.details, "gathered": gathered}, gathered=slot.gathered)
