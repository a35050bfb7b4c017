"""Joins the alerts of one partition with what their users did, in whatever order the two are read.

Pure but for what it remembers: `take_alert` and `take_response` give the results that have become known. A pair of
which both sides stand before what is committed was written already and is left out: after a restart both topics are
read again from the first record that is needed, and nothing that is known is written again.
"""

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from saving_alerts.domain.results.assignments import Assigned, stronger
from saving_alerts.domain.results.responses import Kind, Response
from saving_alerts.domain.results.result import JoinedBy, Result, result_of

# A `record-results` that stood still for so long goes on without a loss: alerts are kept that long beyond their window.
CATCHING_UP = timedelta(hours=48)
# A decision may be written so long after its push: by a worker that takes over what another one left.
LATE_DECISIONS = timedelta(hours=2)
MAX_RESPONSES = 50_000  # of one partition, 35 MB: those of 2 hours at 7 a second

Key = tuple[str, str]
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Committed:
    """Offsets of one partition before which everything is written: of its decisions, and of its responses."""

    decisions: int = 0
    responses: int = 0


@dataclass(frozen=True, slots=True)
class _Alert:
    """`offset`: of its first decision, which is read again after a restart. `told_at`: of the one that says most."""

    assigned: Assigned
    offset: int
    told_at: int


@dataclass(slots=True)
class Join:
    """Of one partition, which has everything of its users. `window`: so long after an alert its results may come.

    `max_alerts`: with more, the oldest are forgotten and counted in `forgotten`.
    """

    window: timedelta
    max_alerts: int
    committed: Committed = field(default_factory=Committed)
    forgotten: int = 0
    _alerts: OrderedDict[Key, _Alert] = field(default_factory=OrderedDict)
    _alerts_of: dict[str, list[Key]] = field(default_factory=dict)
    _responses: OrderedDict[int, Response] = field(default_factory=OrderedDict)
    _responses_of: dict[str, list[int]] = field(default_factory=dict)

    def take_alert(self, assigned: Assigned, offset: int) -> list[Result]:
        """The results that have been waiting for it. An alert that is decided twice is one alert."""
        self._remember(assigned, offset)
        waiting = [(each, self._responses[each]) for each in self._responses_of.get(assigned.user_id, ())]
        found = [self._joined(response, place) for place, response in waiting]
        return [each for each in found if each is not None and each.decision_id == assigned.decision_id]

    def take_response(self, response: Response, offset: int) -> list[Result]:
        """The result that it is, if any alert is known that it belongs to."""
        if offset not in self._responses:
            self._responses[offset] = response
            self._responses_of.setdefault(response.user_id, []).append(offset)
        found = self._joined(response, offset)
        return [] if found is None else [found]

    @property
    def alerts(self) -> int:
        """How many are remembered."""
        return len(self._alerts)

    @property
    def first_needed(self) -> Committed | None:
        """From which offsets on both topics have to be read again after a restart; None where nothing is remembered.

        A topic of which nothing is remembered has the offset -1.
        """
        decisions = next((each.offset for each in self._alerts.values()), -1)
        responses = next(iter(self._responses), -1)
        return None if max(decisions, responses) < 0 else Committed(decisions, responses)

    def prune(self, now: datetime) -> None:
        """Forget what can have no result any more, and the oldest beyond the limits."""
        kept = self.window + CATCHING_UP
        while self._alerts and self._first_alert.assigned.assigned_at + kept < now:
            self._forget_alert()
        while len(self._alerts) > self.max_alerts:
            self._forget_alert()
            self.forgotten += 1
        while self._responses and (len(self._responses) > MAX_RESPONSES or self._is_over(now)):
            offset, response = self._responses.popitem(last=False)
            _remove(self._responses_of, response.user_id, offset)

    def _is_over(self, now: datetime) -> bool:
        return next(iter(self._responses.values())).received_at + LATE_DECISIONS < now

    @property
    def _first_alert(self) -> _Alert:
        return next(iter(self._alerts.values()))

    def _remember(self, assigned: Assigned, offset: int) -> None:
        known = self._alerts.get(assigned.key)
        if known is None:
            self._alerts[assigned.key] = _Alert(assigned, offset, offset)
            self._alerts_of.setdefault(assigned.user_id, []).append(assigned.key)
        elif (best := stronger(known.assigned, assigned)) is not known.assigned:
            self._alerts[assigned.key] = replace(known, assigned=best, told_at=offset)

    def _forget_alert(self) -> None:
        key, alert = self._alerts.popitem(last=False)
        _remove(self._alerts_of, alert.assigned.user_id, key)

    def _joined(self, response: Response, offset: int) -> Result | None:
        alert = self._alert_of(response)
        if alert is None or (alert.told_at < self.committed.decisions and offset < self.committed.responses):
            return None
        by = JoinedBy.ID if response.decision_id == alert.assigned.decision_id else JoinedBy.MATCH
        return result_of(alert.assigned, response, by)

    def _alert_of(self, response: Response) -> _Alert | None:
        """The one that it names, else the latest one that it fits."""
        alerts = [self._alerts[key] for key in self._alerts_of.get(response.user_id, ())]
        fitting = [each for each in alerts if belongs(response, each.assigned, self.window)]
        named = [each for each in fitting if each.assigned.decision_id == response.decision_id]
        return max(named or fitting, key=lambda each: each.assigned.assigned_at, default=None)


def _remove(lists: dict[str, list[Item]], user_id: str, item: Item) -> None:
    items = lists[user_id]
    items.remove(item)
    if not items:
        del lists[user_id]


def belongs(response: Response, assigned: Assigned, window: timedelta) -> bool:
    """Whether the response can be the result of the alert: by user, merchant, coupon and time.

    A redemption is judged the same way in both arms. No control user can name a push, so what only its id would tie to
    an alert must not count for the others. An opened push needs no such care: control users have none.
    """
    if response.user_id != assigned.user_id or not _is_in_time(response, assigned, window):
        return False
    if response.kind is Kind.OPENED and not assigned.is_sent:
        return False
    if response.kind is Kind.OPENED and response.decision_id is not None:
        return response.decision_id == assigned.decision_id
    return response.merchant_id == assigned.merchant_id and response.coupon_id in {None, assigned.coupon_id}


def _is_in_time(response: Response, assigned: Assigned, window: timedelta) -> bool:
    return assigned.assigned_at <= response.happened_at and response.received_at <= assigned.assigned_at + window
