"""An alert: the push that a rule wants, ready to be sent before its deadline."""

import hashlib
from datetime import UTC, datetime

import msgspec

from saving_alerts.domain.decisions import decision_id
from saving_alerts.domain.decoding import Instant
from saving_alerts.domain.events import Identifier
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.source_position import SourcePosition

CATEGORY = "saving_alert"


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """Everything dispatch needs: it does not evaluate again."""

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


class PushTrace(msgspec.Struct, frozen=True):
    event_id: str
    decision_id: str
    rule_id: str
    rules_version: str


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


def push_of(alert: Alert, now: datetime) -> Push:
    """The request that sends this alert at this moment. Its time to live is a whole second at least."""
    left = alert.deadline - now
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
            decision_id=decision_id(alert.position, Reason.PUSHED),
            rule_id=alert.rule_id,
            rules_version=alert.rules_version,
        ),
    )


def idempotency_key(user_id: str, event_id: str) -> str:
    """The same user and event give the same key, whatever position or worker sends it."""
    return hashlib.blake2b(f"{len(user_id)}:{user_id}{event_id}".encode(), digest_size=16).hexdigest()


def rfc3339(moment: datetime) -> str:
    """As docs/contracts.md writes a moment: UTC with milliseconds, cut rather than rounded up, like 10:15:03.004Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
