"""The recorded decisions of one partition: earlier sends, what the rules decided, and events without coupons."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from saving_alerts.domain.caps import CountedSend
from saving_alerts.domain.decisions import Decision, Receipt, Stage
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.simulation.replay import Replayed

MAX_EXAMPLES = 20  # of differences, in the report
# Positions come again when the source is made anew: an event is told by its id as well.
Identity = tuple[SourcePosition, str | None]


class Evaluated(NamedTuple):
    """What a version of the rules decided for an event: the winning rule and coupon, or `reason` if no rule matched.

    `rules` and `merchants` are versions.
    """

    rules: str
    merchants: str | None
    reason: Reason | None
    rule_id: str | None = None
    coupon_id: str | None = None

    def agrees(self, replayed: Replayed) -> bool:
        return (replayed.refused, replayed.rule_id, replayed.coupon_id) == (self.reason, self.rule_id, self.coupon_id)


@dataclass(slots=True)
class Unknown:
    """Counts of events without recorded coupons: what other rules would have done cannot be computed.

    `unasked`, by reason: the Coupon API was not asked. `without_coupons`, by reason: it gave none that can be used.
    """

    unasked: Counter[str] = field(default_factory=Counter)
    without_coupons: Counter[str] = field(default_factory=Counter)
    no_triggers: int = 0


class RecordedDecisions:
    """The decisions of one partition since a moment, and the sends before it. `take` them in the order written."""

    def __init__(self, since: datetime, unknown: Unknown) -> None:
        self._since = since
        self._unknown = unknown
        self.evaluated: dict[Identity, Evaluated] = {}
        self._sends: defaultdict[str, dict[Identity, CountedSend]] = defaultdict(dict)

    @property
    def sends(self) -> dict[str, list[CountedSend]]:
        """The sends of each user before the simulated time. A push with several decisions counts once."""
        return {user: list(by_position.values()) for user, by_position in self._sends.items()}

    def take(self, entry: Decision | Receipt) -> None:
        if isinstance(entry, Receipt):
            if entry.decided_at >= self._since and entry.reason is Reason.NOT_A_TRIGGER:
                self._unknown.no_triggers += sum(last - first + 1 for first, last in entry.ranges)
        elif entry.decided_at < self._since:
            self._take_send(entry)
        else:
            self._take_decision(entry)

    def _take_send(self, decision: Decision) -> None:
        """A push before the simulated time still counts for the caps."""
        if decision.reason.row.charges_cap and decision.user_id:
            send = CountedSend(decision.merchant_id or "", decision.decided_at)
            self._sends[decision.user_id].setdefault((decision.position, decision.event_id), send)

    def _take_decision(self, decision: Decision) -> None:
        if decision.stage is Stage.QUERY_COUPONS:
            unasked = decision.details.get("asked") is False
            (self._unknown.unasked if unasked else self._unknown.without_coupons)[decision.reason] += 1
        elif (evaluated := _evaluated(decision)) is not None:
            self.evaluated.setdefault((decision.position, decision.event_id), evaluated)


def _evaluated(decision: Decision) -> Evaluated | None:
    versions, details = decision.versions, decision.details
    if versions.rules is None:
        return None
    if decision.stage is Stage.EVALUATE_RULES and decision.reason.row.refused_by_rules:
        return Evaluated(versions.rules, versions.merchants, decision.reason)
    rule_id, coupon_id = details.get("rule_id"), details.get("coupon_id")
    if decision.stage is Stage.DISPATCH_PUSH and isinstance(rule_id, str) and isinstance(coupon_id, str):
        return Evaluated(versions.rules, versions.merchants, None, rule_id, coupon_id)
    return None


@dataclass(slots=True)
class Agreement:
    """How often a rule set decides in the simulation as it did when it was live.

    `different_with_other_merchants`: the live decision used another version of the merchants.
    """

    version: str
    same: int = 0
    different: int = 0
    different_with_other_merchants: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.same + self.different + self.different_with_other_merchants

    def compare(
        self, position: SourcePosition, evaluated: Evaluated | None, replayed: Replayed, merchants: str
    ) -> None:
        """Count one event. It does not count if its recorded decision was made with other rules."""
        if evaluated is None or evaluated.rules != self.version:
            return
        if evaluated.agrees(replayed):
            self.same += 1
        elif evaluated.merchants != merchants:
            self.different_with_other_merchants += 1
        else:
            self._add_difference(position, evaluated, replayed)

    def _add_difference(self, position: SourcePosition, evaluated: Evaluated, replayed: Replayed) -> None:
        self.different += 1
        if len(self.examples) < MAX_EXAMPLES:
            was = evaluated.reason or f"{evaluated.rule_id} with {evaluated.coupon_id}"
            now = replayed.refused or f"{replayed.rule_id} with {replayed.coupon_id}"
            self.examples.append(f"{position}: was {was}, would be {now}")


def versions_of(evaluated: Mapping[Identity, Evaluated]) -> Counter[str]:
    return Counter(each.rules for each in evaluated.values())
