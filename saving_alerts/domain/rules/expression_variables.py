"""The variables of a `when`: what it can read of an event, its merchant and a coupon; and samples to try one on.

Samples and live variables are made by the same functions, so an expression that passed the samples finds its names.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from saving_alerts.domain.coupons import Channel, Coupon, Discount, DiscountKind
from saving_alerts.domain.events import GEOFENCE_TYPES, App, EventType, PushConsent, SavingEvent
from saving_alerts.domain.merchants import Merchant, Store
from saving_alerts.domain.rules.clauses import WEEKDAYS
from saving_alerts.domain.rules.evaluation_context import EvaluationContext

Variables = dict[str, dict[str, Any]]
ROOTS = ("event", "local", "merchant", "coupon")


def variables_of(context: EvaluationContext) -> Variables:
    """All variables but the coupon's. What is not known is left out, so that `has(…)` is false for it."""
    return {"event": _event(context), "local": _local(context), "merchant": _merchant(context.merchant)}


def with_coupon(variables: Variables, coupon: Coupon, now: datetime) -> Variables:
    discount = coupon.discount
    fields: dict[str, Any] = {
        "coupon_id": coupon.coupon_id,
        "discount": {"kind": str(discount.kind), "amount": float(discount.amount)},
        "channel": str(coupon.channel),
        "hours_left": (coupon.valid_until - now).total_seconds() / 3600,
    }
    if discount.currency is not None:
        fields["discount"]["currency"] = discount.currency
    if coupon.remaining is not None:
        fields["remaining"] = coupon.remaining
    return {**variables, "coupon": fields}


def _event(context: EvaluationContext) -> dict[str, Any]:
    event = context.event
    fields: dict[str, Any] = {
        "type": str(event.type),
        "merchant_id": event.merchant_id or "",
        "locale": event.locale,
        "timezone": event.timezone,
        "app": {"version": event.app.version, "os": event.app.os},
    }
    if event.store_id is not None:
        fields["store_id"] = event.store_id
    if event.dwell_seconds is not None:
        fields["dwell_seconds"] = float(event.dwell_seconds)
    if context.accuracy_m is not None:
        fields["accuracy_m"] = float(context.accuracy_m)
    if context.distance_m is not None:
        fields["distance_m"] = float(context.distance_m)
    return fields


def _local(context: EvaluationContext) -> dict[str, Any]:
    local = context.local
    if local is None:
        return {}
    weekday = str(WEEKDAYS[local.weekday()])
    return {"date": f"{local:%Y-%m-%d}", "hour": local.hour, "minute": local.minute, "weekday": weekday}


def _merchant(merchant: Merchant | None) -> dict[str, Any]:
    return {"merchant_id": merchant.merchant_id, "stores": len(merchant.stores)} if merchant else {}


_NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
_MERCHANT = Merchant(merchant_id="m-123", names={"en": "Shop"}, stores=(Store("s-77", 52.52, 13.405),))


@lru_cache(maxsize=256)  # by the sets of event types that rules have
def sample_variables(event_types: frozenset[EventType]) -> tuple[tuple[str, Variables], ...]:
    """Named samples: for each type an event with all optional fields and one without, each with two unlike coupons."""
    return tuple(_samples(event_types))


def _samples(event_types: frozenset[EventType]) -> Iterator[tuple[str, Variables]]:
    for event_type in sorted(event_types):
        for full in (True, False):
            name = f"{event_type} {'with everything in it' if full else 'without what is optional'}"
            variables = variables_of(_context_of(event_type, full=full))
            yield name, with_coupon(variables, _coupon(DiscountKind.PERCENT, full=full), _NOON)
            yield name, with_coupon(variables, _coupon(DiscountKind.AMOUNT, full=full), _NOON)


@lru_cache(maxsize=1)
def known_names() -> frozenset[str]:
    """Every name that an expression can read, with its dots, like event.app.os."""
    full = with_coupon(
        variables_of(_context_of(EventType.GEOFENCE_DWELLED, full=True)), _coupon(DiscountKind.AMOUNT, full=True), _NOON
    )
    return frozenset(_names(full, ""))


def _names(fields: dict[str, Any], prefix: str) -> Iterator[str]:
    for name, value in fields.items():
        yield prefix + name
        if isinstance(value, dict):
            yield from _names(value, f"{prefix}{name}.")


def _context_of(event_type: EventType, *, full: bool) -> EvaluationContext:
    event = SavingEvent(
        event_id="e-1",
        schema=1,
        type=event_type,
        user_id="u-42",
        merchant_id=_MERCHANT.merchant_id,
        store_id="s-77" if full or event_type in GEOFENCE_TYPES else None,
        occurred_at=_NOON,
        received_at=_NOON,
        timezone="Europe/Berlin",
        locale="de-DE",
        app=App("9.4.1", "ios"),
        push=PushConsent(consent=True),
        dwell_seconds=120.0 if full and event_type is EventType.GEOFENCE_DWELLED else None,
    )
    return EvaluationContext(event, _MERCHANT, _NOON, 120.0 if full else None, 35.0 if full else None)


def _coupon(kind: DiscountKind, *, full: bool) -> Coupon:
    return Coupon(
        coupon_id="c-1",
        merchant_id=_MERCHANT.merchant_id,
        title={"en": "Coffee"},
        discount=Discount(kind, 20, "EUR" if full else None),
        valid_from=_NOON,
        valid_until=_NOON + timedelta(days=1),
        channel=Channel.BOTH,
        remaining=5 if full else None,
        deep_link="https://shop.example/c",
    )
