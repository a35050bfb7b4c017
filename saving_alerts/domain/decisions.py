"""The record of how an event ended, and which of several counts. The reasons are in `reasons.py`."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

import msgspec

from saving_alerts.domain.decoding import Instant, Offset, PartitionNumber
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.source_position import SourcePosition


class Stage(StrEnum):
    """The four stages, by the verb that names them everywhere: agent, step, metric tag, page row."""

    VALIDATE = "validate"
    QUERY_COUPONS = "query_coupons"
    EVALUATE_RULES = "evaluate_rules"
    DISPATCH_PUSH = "dispatch_push"


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
    decided_at: Instant
    worker: str
    read_at: Instant | None = None
    occurred_at: Instant | None = None
    event_id: str | None = None
    user_id: str | None = None
    merchant_id: str | None = None
    event_type: str | None = None
    details: dict[str, object] = {}
    versions: Versions = Versions()


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The source offsets of one batch that were no triggers: inclusive ranges of one partition."""

    topic: str
    partition: PartitionNumber
    ranges: tuple[tuple[Offset, Offset], ...]
    decided_at: Instant
    worker: str
    rules_version: str | None = None
    reason: Reason = Reason.NOT_A_TRIGGER


def decision_id(position: SourcePosition, reason: Reason) -> str:
    """The same position and reason give the same id, on every worker and every redelivery."""
    return hashlib.blake2b(f"{position}:{reason}".encode(), digest_size=12).hexdigest()


def answer(decisions: Iterable[Decision]) -> Decision:
    """The decision that counts for one position: the strongest, and of equals the first written."""
    return max(decisions, key=lambda decision: decision.reason.row.strength)


def ranges_of(offsets: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Ascending offsets as inclusive ranges: 1 2 3 7 is (1, 3) (7, 7)."""
    ranges: list[tuple[int, int]] = []
    for offset in offsets:
        if ranges and offset == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], offset)
        else:
            ranges.append((offset, offset))
    return tuple(ranges)
