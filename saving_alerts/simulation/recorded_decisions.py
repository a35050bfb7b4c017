"""The recorded decisions of one partition: earlier sends, what the rules decided, and events without coupons."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import msgspec

from saving_alerts.domain.caps import CountedSend
from saving_alerts.domain.decisions import Decision, Receipt, Stage
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.results.assignments import is_assigned
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.simulation.disk_tables import Tables
from saving_alerts.simulation.identity import identity_of
from saving_alerts.simulation.replay import Replayed

MAX_EXAMPLES = 20  # of differences, in the report


class Evaluated(NamedTuple):
    """What a version of the rules decided for an event: the winning rule and coupon, or `reason` if no rule matched.

    `rules` and `merchants` are versions. `control`: whether the user was kept back; None where it ended before that
    made a difference.
    """

    rules: str
    merchants: str | None
    reason: Reason | None
    rule_id: str | None = None
    coupon_id: str | None = None
    variant: str | None = None
    control: bool | None = None

    def agrees(self, replayed: Replayed) -> bool:
        found = (replayed.refused, replayed.rule_id, replayed.coupon_id, replayed.variant)
        same_arm = self.control in (None, replayed.control)
        return same_arm and found == (self.reason, self.rule_id, self.coupon_id, self.variant)


@dataclass(slots=True)
class Unknown:
    """Counts of events without recorded coupons: what other rules would have done cannot be computed.

    `unasked`, by reason: the Coupon API was not asked. `without_coupons`, by reason: it gave none that can be used.
    """

    unasked: Counter[str] = field(default_factory=Counter)
    without_coupons: Counter[str] = field(default_factory=Counter)
    no_triggers: int = 0


_evaluations = msgspec.msgpack.Decoder(Evaluated)
_sends = msgspec.msgpack.Decoder(dict[bytes, CountedSend])


class RecordedDecisions:
    """The decisions of one partition since a moment, and the sends before it. `take` them in the order written.

    `versions` counts the events by the rules that decided them.
    """

    def __init__(self, since: datetime, unknown: Unknown, tables: Tables) -> None:
        self._since = since
        self._unknown = unknown
        self._evaluated = tables("evaluated")
        self._sends = tables("sends")
        self.versions: Counter[str] = Counter()

    def evaluated(self, position: SourcePosition, event_id: str | None) -> Evaluated | None:
        """What was decided first for the event; None if no rules were applied."""
        found = self._evaluated.get(identity_of(position, event_id))
        return None if found is None else _evaluations.decode(found)

    def sends(self, user_id: str) -> list[CountedSend]:
        """The sends of a user before the simulated time. A push with several decisions counts once."""
        return [*self._sends_by_event(user_id).values()]

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
            sends = self._sends_by_event(decision.user_id)
            send = CountedSend(decision.merchant_id or "", decision.decided_at)
            sends.setdefault(identity_of(decision.position, decision.event_id), send)
            self._sends[decision.user_id.encode()] = msgspec.msgpack.encode(sends)

    def _sends_by_event(self, user_id: str) -> dict[bytes, CountedSend]:
        found = self._sends.get(user_id.encode())
        return {} if found is None else _sends.decode(found)

    def _take_decision(self, decision: Decision) -> None:
        if decision.stage is Stage.QUERY_COUPONS:
            unasked = decision.details.get("asked") is False
            (self._unknown.unasked if unasked else self._unknown.without_coupons)[decision.reason] += 1
        elif (evaluated := _evaluated(decision)) is not None:
            self._take_evaluated(identity_of(decision.position, decision.event_id), evaluated)

    def _take_evaluated(self, identity: bytes, evaluated: Evaluated) -> None:
        if identity not in self._evaluated:
            self._evaluated[identity] = msgspec.msgpack.encode(evaluated)
            self.versions[evaluated.rules] += 1


def _evaluated(decision: Decision) -> Evaluated | None:
    versions, details = decision.versions, decision.details
    if versions.rules is None:
        return None
    if decision.stage is Stage.EVALUATE_RULES and decision.reason.row.refused_by_rules:
        return Evaluated(versions.rules, versions.merchants, decision.reason)
    rule_id, coupon_id = details.get("rule_id"), details.get("coupon_id")
    if decision.stage is Stage.DISPATCH_PUSH and isinstance(rule_id, str) and isinstance(coupon_id, str):
        variant = details.get("variant")
        told = variant if isinstance(variant, str) else None
        control = decision.reason is Reason.CONTROL if is_assigned(decision) else None
        return Evaluated(versions.rules, versions.merchants, None, rule_id, coupon_id, told, control)
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
            was = evaluated.reason or _in_words(evaluated)
            now = replayed.refused or _in_words(replayed)
            self.examples.append(f"{position}: was {was}, would be {now}")


def _in_words(found: Evaluated | Replayed) -> str:
    text = f", text {found.variant}" if found.variant else ""
    kept_back = ", kept back" if found.control else ""
    return f"{found.rule_id} with {found.coupon_id}{text}{kept_back}"
