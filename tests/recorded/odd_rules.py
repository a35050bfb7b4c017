"""The demo's rules and more: what ends an event in the ways that the demo's traffic does not."""

from datetime import UTC, datetime

import msgspec

from demo.traffic.directory import MERCHANTS
from demo.traffic.paced_producer import Record
from demo.traffic.templates import Template
from saving_alerts.domain.events import EventType
from tests.end_to_end.shoppers import long_freshness_rules

_MESSAGE = {"fallback": "en", "texts": {"en": {"title": "$discount off", "body": "$coupon"}}}
_ALWAYS_QUIET = {"from": "00:00", "to": "23:59"}
BREAKS_AT_THE_FIRST_MERCHANT = f"1 / (event.merchant_id == '{MERCHANTS[0].merchant_id}' ? 0 : 1) > 1"
_NEVER_ENOUGH = 100
_NOBODY = 0.001
# Room for a second push, at another merchant.
CAPS = [
    {"per": "user", "pushes": 2, "hours": 24},
    {"per": "user_and_merchant", "pushes": 1, "hours": 168},
]
ELSEWHERE = 18  # more rules than a decision names


def odd_rules() -> bytes:
    """A worker with these needs no answer of the Coupon API to hold out a `coupon_saved`, and so on by event type."""
    rules = msgspec.json.decode(long_freshness_rules())
    rules["caps"] = CAPS
    rules["rules"] += [
        _rule("broken-when", ["geofence_dwelled", "geofence_exited"], priority=1, when=BREAKS_AT_THE_FIRST_MERCHANT),
        _rule("to-nobody", ["coupon_saved", "coupon_redeemed"], rollout_percent=_NOBODY),
        _rule("always-quiet", ["brochure_viewed"], quiet_hours=_ALWAYS_QUIET),
        _rule("never-enough", ["coupon_redeemed", "brochure_viewed"], min_discount_percent=_NEVER_ENOUGH),
        *(
            _rule(f"elsewhere-{number}", ["geofence_exited"], merchants={"allow": ["x-*"]})
            for number in range(ELSEWHERE)
        ),
    ]
    return msgspec.json.encode(rules)


def _rule(rule_id: str, event_types: list[str], **fields: object) -> dict[str, object]:
    return {"id": rule_id, "event_types": event_types, "quiet_hours": "none", "message": _MESSAGE, **fields}


ENDED_BY_RULES = (
    EventType.COUPON_SAVED,  # held out, unasked
    EventType.COUPON_REDEEMED,  # held out
    EventType.BROCHURE_VIEWED,  # quiet hours
    EventType.GEOFENCE_DWELLED,  # pushed by the rule behind the one that breaks
    EventType.GEOFENCE_EXITED,  # refused by the one that breaks
)


def happening(kind: EventType, merchant_number: int = 0) -> Record:
    """A consenting shopper of whom something of this type is told, at one of the merchants."""
    merchant = MERCHANTS[merchant_number]
    template = Template(f"e-{kind}-{merchant_number}", f"u-{kind}", kind, merchant.merchant_id, details=0)
    return Record(template.event_id, template.user_id.encode(), lambda: template.value(datetime.now(UTC)))
