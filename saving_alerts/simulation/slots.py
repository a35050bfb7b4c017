"""The alerts that the replayed rules would gather, until their gathering ends: by the times of the candidates."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from saving_alerts.domain.alerts import Alert
from saving_alerts.domain.coupons import Candidate
from saving_alerts.domain.rules.choosing import best_alert_first, ends
from saving_alerts.domain.rules.evaluation import Match, NoMatch, evaluate
from saving_alerts.pipeline.gathering import LEFT_FOR_THE_PUSH, MOST_GATHERED
from saving_alerts.pipeline.rule_decisions import alert_of, departure_of
from saving_alerts.pipeline.steps import context_of
from saving_alerts.reference_data.snapshot import Snapshot
from saving_alerts.simulation.disk_tables import Tables


class Gathered(NamedTuple):
    """A candidate that was gathered, with the rule and coupon that had won for it, and whether the user left since."""

    candidate: Candidate
    match: Match
    has_left: bool


class _Slot(msgspec.Struct, array_like=True):
    """What is gathered for one user. `moments` are those as of which the rules were applied."""

    ends_at: datetime
    candidates: list[Candidate] = []
    moments: list[datetime] = []
    has_left: list[bool] = []


_slots = msgspec.msgpack.Decoder(_Slot)


class ReplayedSlots:
    """Of one partition and one rule set."""

    def __init__(self, snapshot: Snapshot, tables: Tables, name: str) -> None:
        self._snapshot = snapshot
        self._table = tables(f"{name} slots")

    def add(self, candidate: Candidate, match: Match, at: datetime) -> datetime:
        """Returns when its gathering ends now, which may be earlier than before."""
        user_id = candidate.validated.event.user_id
        alert = self._alert(candidate, match, at)
        left = min(self._snapshot.rules.choose_within, alert.deadline - LEFT_FOR_THE_PUSH - at)
        ends_at = at + max(left, timedelta(0))
        slot = self._of(user_id) or _Slot(ends_at)
        slot.ends_at = at if len(slot.candidates) + 1 >= MOST_GATHERED else min(slot.ends_at, ends_at)
        slot.candidates.append(candidate)
        slot.moments.append(at)
        slot.has_left.append(False)
        self._table[user_id.encode()] = msgspec.msgpack.encode(slot)
        return slot.ends_at

    def ended(self, user_id: str, ends_at: datetime) -> list[Gathered]:
        """What was gathered until this moment, the best first; nothing where its gathering has ended otherwise."""
        slot = self._of(user_id)
        if slot is None or slot.ends_at != ends_at:
            return []
        del self._table[user_id.encode()]
        pairs = list(self._gathered(slot))
        gathered = {id(alert): each for alert, each in pairs}
        return [gathered[id(alert)] for alert in best_alert_first([alert for alert, _ in pairs])]

    def depart(self, candidate: Candidate, at: datetime) -> bool:
        """The user has left a store. Whether all that is gathered is left by now: then its gathering ends."""
        user_id = candidate.validated.event.user_id
        slot = self._of(user_id)
        if slot is None:
            return False
        departure = departure_of(candidate, self._snapshot)
        gathered = zip(self._gathered(slot), slot.has_left, strict=True)
        slot.has_left = [before or ends(departure, alert) for (alert, _), before in gathered]
        is_over = all(slot.has_left)
        slot.ends_at = at if is_over else slot.ends_at
        self._table[user_id.encode()] = msgspec.msgpack.encode(slot)
        return is_over

    def _of(self, user_id: str) -> _Slot | None:
        found = self._table.get(user_id.encode())
        return None if found is None else _slots.decode(found)

    def _gathered(self, slot: _Slot) -> Iterator[tuple[Alert, Gathered]]:
        """The same rules say the same again."""
        for candidate, at, has_left in zip(slot.candidates, slot.moments, slot.has_left, strict=True):
            match = evaluate(self._snapshot.rules, context_of(candidate, self._snapshot, at), candidate.coupons)
            if not isinstance(match, NoMatch):
                yield self._alert(candidate, match, at), Gathered(candidate, match, has_left)

    def _alert(self, candidate: Candidate, match: Match, at: datetime) -> Alert:
        merchant = context_of(candidate, self._snapshot, at).merchant
        if merchant is None:
            raise AssertionError("no rule matches at a merchant that is not known")
        return alert_of(candidate, match, merchant, self._snapshot)
