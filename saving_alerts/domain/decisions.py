"""How an event can end: the closed list of reasons, the record of it, and which of several counts."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

import msgspec

from saving_alerts.domain.source_position import SourcePosition


class Stage(StrEnum):
    """The four stages, by the verb that names them everywhere: agent, step, metric tag, page row."""

    VALIDATE = "validate"
    QUERY_COUPONS = "query_coupons"
    EVALUATE_RULES = "evaluate_rules"
    DISPATCH_PUSH = "dispatch_push"


class Reason(StrEnum):
    """Every way an event can end. Adding one is a visible change: tests and pages list them from here."""

    INVALID = "invalid"  # not JSON, oversize, a missing or wrong field
    NOT_A_TRIGGER = "not_a_trigger"  # no current rule listens to its type; kept as a receipt
    EXPIRED = "expired"  # its deadline passed
    NO_CONSENT = "no_consent"  # the user has not opted in
    CAPPED = "capped"  # the user has had their pushes for now
    NO_COUPON = "no_coupon"  # none, or none usable now in this store
    COUPON_API_REFUSED = "coupon_api_refused"  # a permanent error or an unreadable answer
    COUPON_API_FAILED = "coupon_api_failed"  # three attempts failed although the API answers others
    RULE_REFUSED = "rule_refused"  # no rule matched
    QUIET_HOURS = "quiet_hours"  # a rule failed only on quiet hours
    HELD_OUT = "held_out"  # a rule failed only on its rollout percentage
    DUPLICATE = "duplicate"  # this event id was pushed for another position
    KILLED = "killed"  # a kill switch is on
    PUSH_REFUSED = "push_refused"  # the push API refused it for good
    PUSH_UNCERTAIN = "push_uncertain"  # an attempt may have arrived; the cap stays charged
    PUSHED = "pushed"  # the push API accepted it
    WOULD_PUSH = "would_push"  # as pushed, in a dry run
    DEAD_LETTER = "dead_letter"  # a step failed in a way nobody foresaw


class Versions(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the decision was made with; None where a stage did not look at it."""

    rules: str | None = None
    merchants: str | None = None
    caps: str | None = None


class Subject(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Whose decision it is, as far as anybody could read it."""

    event_id: str | None = None
    user_id: str | None = None
    merchant_id: str | None = None
    event_type: str | None = None
    occurred_at: datetime | None = None
    read_at: datetime | None = None


class Decision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The end of one event at one stage. It carries no coordinates."""

    decision_id: str
    position: SourcePosition
    stage: Stage
    reason: Reason
    decided_at: datetime
    worker: str
    read_at: datetime | None = None
    occurred_at: datetime | None = None
    event_id: str | None = None
    user_id: str | None = None
    merchant_id: str | None = None
    event_type: str | None = None
    details: dict[str, object] = {}
    versions: Versions = Versions()


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The source offsets of one batch that were no triggers: inclusive ranges of one partition."""

    topic: str
    partition: int
    ranges: tuple[tuple[int, int], ...]
    decided_at: datetime
    worker: str
    rules_version: str | None = None
    reason: Reason = Reason.NOT_A_TRIGGER


def decision_id(position: SourcePosition, reason: Reason) -> str:
    """The same position and reason give the same id, on every worker and every redelivery."""
    return hashlib.blake2b(f"{position}:{reason}".encode(), digest_size=12).hexdigest()


_STRENGTH = {Reason.PUSHED: 3, Reason.WOULD_PUSH: 3, Reason.PUSH_UNCERTAIN: 2, Reason.DEAD_LETTER: 0}


def answer(decisions: Iterable[Decision]) -> Decision:
    """The decision that counts for one position: the strongest, and of equals the first written."""
    return max(decisions, key=lambda decision: _STRENGTH.get(decision.reason, 1))


def ranges_of(offsets: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Ascending offsets as inclusive ranges: 1 2 3 7 is (1, 3) (7, 7)."""
    ranges: list[tuple[int, int]] = []
    for offset in offsets:
        if ranges and offset == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], offset)
        else:
            ranges.append((offset, offset))
    return tuple(ranges)
