"""Events of shoppers and alerts ready for dispatch, for tests that produce their own records."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

from demo.stub_apis.coupon_api import Coupons
from demo.traffic.coupons import good_coupon
from demo.traffic.directory import MERCHANTS, rules_with_freshness
from demo.traffic.paced_producer import Record
from demo.traffic.templates import Template
from saving_alerts.domain.alerts import Alert
from saving_alerts.domain.events import EventType
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.codecs import Envelope, encode

FRESHNESS = timedelta(minutes=30)
# Beyond the end of the source: a prepared alert belongs to no event that was produced.
PREPARED_OFFSET = 1_000_000


def long_freshness_rules() -> bytes:
    """The demo's rules with a freshness of half an hour."""
    return rules_with_freshness(FRESHNESS)


def good_coupons(user_id: str, _merchant_id: str) -> Coupons:
    """A catalogue with one good coupon for every user."""
    return [good_coupon(Random(user_id), MERCHANTS[0])]


def visit(event_id: str, user_id: str, *, age: timedelta = timedelta()) -> Record:
    """A consenting shopper enters a store: with a good coupon it must be pushed."""
    return _event(event_id, user_id, EventType.GEOFENCE_ENTERED, age)


def app_opened(event_id: str, user_id: str) -> Record:
    """An event that is no trigger: no rule listens to it."""
    return _event(event_id, user_id, EventType.APP_OPENED, timedelta())


def _event(event_id: str, user_id: str, kind: EventType, age: timedelta) -> Record:
    template = Template(event_id, user_id, kind, MERCHANTS[0].merchant_id, details=0, age=age)
    return Record(event_id, user_id.encode(), lambda: template.value(datetime.now(UTC)))


def prepared_alert(
    name: str, position: SourcePosition, written: Callable[[datetime], object] = lambda _: None
) -> Record:
    """A record for the topic of alerts, ready to be pushed; `written` is called with the moment when it is written."""
    alert = alert_of(name, position, datetime.now(UTC))

    def value() -> bytes:
        written(datetime.now(UTC))
        return encode(alert)

    headers = Envelope(alert.position, alert.event_id, alert.deadline).headers()
    return Record(alert.event_id, alert.user_id.encode(), value, headers)


def alert_of(name: str, position: SourcePosition, now: datetime) -> Alert:
    return Alert(
        position=position,
        event_id=name,
        user_id=f"u-{name}",
        merchant_id=MERCHANTS[0].merchant_id,
        event_type=EventType.GEOFENCE_ENTERED,
        occurred_at=now,
        received_at=now,
        read_at=now,
        deadline=now + FRESHNESS,
        locale="en-GB",
        coupon_id="c-1",
        title="20 % off",
        body="You are right there.",
        deep_link=f"https://{MERCHANTS[1].deep_link_hosts[0]}/coupons/c-1",
        rule_id="at-the-store",
        rules_version="prepared",
        merchants_version="prepared",
    )
