"""Which of the alerts that were gathered for one push is the best, and which of them a departure ends."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec import UNSET

from saving_alerts.domain.alerts import Alert, Departure, Stakes
from saving_alerts.domain.coupons import Discount
from saving_alerts.domain.events import ARRIVALS
from saving_alerts.domain.rules.ranking import Ranking, best_first


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An alert, as the coupon that it promises."""

    alert: Alert
    stakes: Stakes

    @property
    def coupon_id(self) -> str:
        return self.alert.coupon_id

    @property
    def discount(self) -> Discount:
        return self.stakes.discount

    @property
    def valid_until(self) -> datetime:
        return self.stakes.valid_until


def best_alert_first(alerts: Sequence[Alert]) -> list[Alert]:
    """By the priority of their rules, then by the ranking, then as they came.

    Rules of one priority that rank differently are compared by the ranking that a rule has if it names none. Alerts
    that say nothing of their coupon, because the rules did not gather when they were made, come last.
    """
    known = [_Candidate(alert, alert.stakes) for alert in alerts if alert.stakes is not UNSET]
    by_priority = sorted({each.stakes.priority for each in known})
    groups = ([each for each in known if each.stakes.priority == priority] for priority in by_priority)
    ranked = [each.alert for group in groups for each in best_first(group, _ranking_of(group))]
    return [*ranked, *(alert for alert in alerts if alert.stakes is UNSET)]


def _ranking_of(group: Iterable[_Candidate]) -> Ranking:
    rankings = {each.alert.ranked_by for each in group}
    named = rankings.pop() if len(rankings) == 1 else None
    return next((each for each in Ranking if each == named), Ranking.HIGHEST_PERCENT)


def ends(departure: Departure | Alert, alert: Alert) -> bool:
    """Whether the alert is about a stay that the departure, or the event of an alert about one, has ended."""
    if alert.event_type not in ARRIVALS or alert.merchant_id != departure.merchant_id:
        return False
    same_store = None in (alert.store_id, departure.store_id) or alert.store_id == departure.store_id
    return same_store and departure.occurred_at >= alert.occurred_at
