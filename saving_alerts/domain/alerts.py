"""An alert: the push that a matching rule asks for, and the request made of it."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from saving_alerts.domain.coupons import Discount
from saving_alerts.domain.decisions import push_id
from saving_alerts.domain.decoding import Instant
from saving_alerts.domain.events import Identifier
from saving_alerts.domain.failed_asks import FailedAsks
from saving_alerts.domain.moments import in_utc
from saving_alerts.domain.passed_over import NONE_PASSED_OVER, PassedOverCoupons
from saving_alerts.domain.source_position import SourcePosition

CATEGORY = "saving_alert"
TRIAL_CATEGORY = "saving_alert_test"
TRIAL_MARK = "[Test] "
MAX_TITLE_CHARACTERS = 80  # docs/contracts.md


class Stakes(msgspec.Struct, frozen=True, kw_only=True):
    """What an alert is weighed by against others of its user: smaller priorities first, then the better coupon."""

    priority: int
    discount: Discount
    valid_until: Instant


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One push to be sent before `deadline`, with all that dispatch needs: it does not evaluate rules again.

    `store_id`: where the event happened, if the event says it. `variant`: which of the rule's texts it is, if it has
    several. Alerts of older releases have neither.
    `coupon_id` is the first of `fitting_coupons` by the ranking `ranked_by`; both are None in alerts of older releases.
    `when_errors`: the error text of each rule tried before, by rule id, whose `when` failed. `passed_over`: the coupons
    that could not be promised. `failed_asks`: the requests to the Coupon API that failed. `timezone` is the shopper's;
    None in alerts of 0.1.0. `deadline_by` is the clause of the rule that ends before the event's own deadline would.
    `stakes` are there only where the rules gather alerts.
    `control`: its user is kept back, so it ends without a push. So are `control_percent` of the users, by file and rule
    together; None where nobody is. `canary`: the one whose rules have made it, if one has.
    """

    position: SourcePosition
    event_id: Identifier
    user_id: Identifier
    merchant_id: Identifier
    event_type: str
    occurred_at: Instant
    received_at: Instant
    read_at: Instant
    deadline: Instant
    locale: str
    coupon_id: str
    title: str
    body: str
    deep_link: str
    rule_id: str
    rules_version: str
    merchants_version: str
    ranked_by: str | None = None
    fitting_coupons: int | None = None
    when_errors: dict[str, str] = {}
    passed_over: PassedOverCoupons = NONE_PASSED_OVER
    timezone: str | None = None
    deadline_by: Identifier | None = None
    store_id: str | None = None
    variant: str | None = None
    stakes: Stakes | UnsetType = UNSET
    failed_asks: FailedAsks = {}
    control: bool = False
    control_percent: float | None = None
    canary: Identifier | UnsetType = UNSET


class Departure(msgspec.Struct, frozen=True, kw_only=True):
    """A shopper left a store: what was gathered for it is not to be sent any more (docs/adr/0055).

    It goes the way of an alert, to the same worker. `kind` tells it from one, also where half of an alert was written.
    `canary` is as in an alert.
    """

    kind: Literal["departure"]
    position: SourcePosition
    event_id: Identifier
    user_id: Identifier
    merchant_id: Identifier
    event_type: str
    occurred_at: Instant
    received_at: Instant
    read_at: Instant
    deadline: Instant
    locale: str
    timezone: str | None = None
    store_id: str | None = None
    rules_version: str
    canary: Identifier | UnsetType = UNSET


class PushTrace(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of a push has `traceparent` only if its event had one, and `variant` only if its rule has several texts.

    So without both it is as releases before 0.2.0 write it.
    """

    event_id: str
    decision_id: str
    rule_id: str
    rules_version: str
    traceparent: str | None = None
    variant: str | None = None


class Push(msgspec.Struct, frozen=True, kw_only=True):
    """The body of one request to the push API (docs/contracts.md)."""

    user_id: str
    title: str
    body: str
    deep_link: str
    locale: str
    category: str
    collapse_key: str
    ttl_seconds: int
    not_after: str
    trace: PushTrace


def push_of(alert: Alert, now: datetime, freshness: timedelta, traceparent: str | None = None) -> Push:
    """The request that sends this alert at this moment. It lives for a whole second at least, `freshness` at most."""
    left = min(alert.deadline - now, freshness)
    return Push(
        user_id=alert.user_id,
        title=alert.title,
        body=alert.body,
        deep_link=alert.deep_link,
        locale=alert.locale,
        category=CATEGORY,
        collapse_key=f"{CATEGORY}:{alert.merchant_id}",
        ttl_seconds=max(1, int(left.total_seconds())),
        not_after=rfc3339(alert.deadline),
        trace=PushTrace(
            event_id=alert.event_id,
            decision_id=push_id(alert.position),
            rule_id=alert.rule_id,
            rules_version=alert.rules_version,
            traceparent=traceparent,
            variant=alert.variant,
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialOf:
    """What a test push is about."""

    user_id: str
    rule_id: str
    rules_version: str
    locale: str
    event_id: str
    variant: str | None = None


def trial_push(of: TrialOf, title: str, body: str, deep_link: str, now: datetime, lives_for: timedelta) -> Push:
    """A push of no event, to somebody of us. Title and category say so."""
    return Push(
        user_id=of.user_id,
        title=f"{TRIAL_MARK}{title}"[:MAX_TITLE_CHARACTERS],
        body=body,
        deep_link=deep_link,
        locale=of.locale,
        category=TRIAL_CATEGORY,
        collapse_key=f"{TRIAL_CATEGORY}:{of.event_id}",
        ttl_seconds=int(lives_for.total_seconds()),
        not_after=rfc3339(now + lives_for),
        trace=PushTrace(
            event_id=of.event_id,
            decision_id=of.event_id,
            rule_id=of.rule_id,
            rules_version=of.rules_version,
            variant=of.variant,
        ),
    )


def idempotency_key(user_id: str, event_id: str) -> str:
    """32 hex digits: the same for a user and an event, whatever source position or worker sends it."""
    return hashlib.blake2b(f"{len(user_id)}:{user_id}{event_id}".encode(), digest_size=16).hexdigest()


def rfc3339(moment: datetime) -> str:
    """UTC with milliseconds, like 2026-11-23T10:15:03.004Z. Cut, not rounded: a rounded deadline could be later."""
    return in_utc(moment).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
