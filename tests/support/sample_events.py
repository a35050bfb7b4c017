"""The objects of one event from source to alert. Unchanged they lead to a push; each test changes one thing."""

from dataclasses import replace
from datetime import datetime, time, timedelta
from string import Template

import msgspec

from saving_alerts.domain.alerts import Alert
from saving_alerts.domain.caps import Cap, CapPer
from saving_alerts.domain.coupons import Channel, Coupon, Discount, DiscountKind
from saving_alerts.domain.events import App, EventType, PushConsent, SavingEvent, SourceRecord, ValidatedEvent
from saving_alerts.domain.merchants import Merchant
from saving_alerts.domain.rules.control import Control
from saving_alerts.domain.rules.messages import Message, Text, Variant
from saving_alerts.domain.rules.quiet_hours import QuietHours
from saving_alerts.domain.rules.rule import Rule
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.reference_data.snapshot import Merchants, Snapshot
from tests.support.fakes.clock import START

FRESHNESS = timedelta(minutes=10)
DEADLINE = START + FRESHNESS
POSITION = SourcePosition("saving-events", 3, 7)
ALWAYS_QUIET = QuietHours(time(0), time(23, 59))
MERCHANT = Merchant(merchant_id="m-1", names={"en": "Shop"}, deep_link_hosts=("shop.example",))
MESSAGE = Message({"en": Text(Template("$discount at $merchant"), Template("$coupon"))}, "en")


def snapshot(quiet_hours: QuietHours | None = None, min_discount_percent: float | None = 10) -> Snapshot:
    """One rule, which listens to `geofence_entered` at every merchant, and one merchant."""
    rule = Rule(
        "at-the-store",
        frozenset({EventType.GEOFENCE_ENTERED}),
        ("*",),
        (),
        min_discount_percent,
        quiet_hours,
        MESSAGE,
    )
    rules = RuleSet("rules-1", (Cap(CapPer.USER, 1, 24),), {EventType.GEOFENCE_ENTERED: FRESHNESS}, (rule,))
    return Snapshot(rules, Merchants("merchants-1", {"m-1": MERCHANT}))


def with_texts_in_turn(found: Snapshot) -> Snapshot:
    """With two texts in turn of each rule: `plain`, which is as before, and `friendly`."""
    friendly = Message({"en": Text(Template("Hello! $discount"), Template("$coupon"))}, "en")
    variants = (Variant("plain", 1, MESSAGE), Variant("friendly", 1, friendly))
    message = Message(MESSAGE.texts, "en", variants, "salt")
    rules = tuple(replace(rule, message=message) for rule in found.rules.rules)
    return replace(found, rules=replace(found.rules, rules=rules))


def with_control(found: Snapshot, percent: float = 50) -> Snapshot:
    """So many percent of the users are kept back, whatever the rule."""
    return replace(found, rules=replace(found.rules, control=Control(percent, "salt")))


def event(
    kind: EventType = EventType.GEOFENCE_ENTERED,
    *,
    merchant_id: str = "m-1",
    occurred_at: datetime = START,
    consent: bool = True,
    user_id: str = "u-1",
) -> SavingEvent:
    return SavingEvent(
        event_id="event-7",
        schema=1,
        type=kind,
        user_id=user_id,
        merchant_id=merchant_id,
        store_id="s-1",
        occurred_at=occurred_at,
        received_at=occurred_at,
        timezone="Europe/Berlin",
        locale="en",
        app=App("9.4.1", "ios"),
        push=PushConsent(consent=consent),
    )


def source_record(value: bytes | None) -> SourceRecord:
    return SourceRecord(POSITION, value, START)


def encoded(saving_event: SavingEvent) -> bytes:
    return msgspec.json.encode(saving_event)


def validated(saving_event: SavingEvent | None = None) -> ValidatedEvent:
    return ValidatedEvent(position=POSITION, deadline=DEADLINE, read_at=START, event=saving_event or event())


def coupon(
    percent: float = 20,
    *,
    valid_for: timedelta = timedelta(days=1),
    remaining: int | None = None,
    deep_link: str = "https://shop.example/c",
) -> Coupon:
    return Coupon(
        coupon_id="c-1",
        merchant_id="m-1",
        title={"en": "Coffee"},
        discount=Discount(DiscountKind.PERCENT, percent),
        valid_from=START - timedelta(days=1),
        valid_until=START + valid_for,
        channel=Channel.BOTH,
        remaining=remaining,
        deep_link=deep_link,
    )


def alert(offset: int = 7, event_id: str | None = None, user_id: str = "u-1", deadline: datetime = DEADLINE) -> Alert:
    return Alert(
        position=SourcePosition("saving-events", 3, offset),
        event_id=event_id or f"event-{offset}",
        user_id=user_id,
        merchant_id="m-1",
        event_type=EventType.GEOFENCE_ENTERED,
        occurred_at=START,
        received_at=START,
        read_at=START,
        deadline=deadline,
        locale="en",
        coupon_id="c-1",
        title="20% at Shop",
        body="Coffee",
        deep_link="https://shop.example/c",
        rule_id="at-the-store",
        rules_version="rules-1",
        merchants_version="merchants-1",
        ranked_by="highest_percent",
        fitting_coupons=1,
        timezone="Europe/Berlin",
        store_id="s-1",
    )
