"""The record of how an event ended, and which one counts if a position has several. The reasons are in `reasons.py`."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

import msgspec

from saving_alerts.domain.decoding import Instant, Offset, PartitionNumber
from saving_alerts.domain.holds import Holds
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.source_position import SourcePosition

# The detail of an event that others of its user end: one of them was charged as control, so it was not sent.
COUNTS_CONTROL = "counts_control"


class Stage(StrEnum):
    """The four stages, in order. The value is the name of agent and step, the metric tag and the page's row."""

    VALIDATE = "validate"
    QUERY_COUPONS = "query_coupons"
    EVALUATE_RULES = "evaluate_rules"
    DISPATCH_PUSH = "dispatch_push"


class Versions(msgspec.Struct, frozen=True, omit_defaults=True):
    """The versions of the files that the decision is based on; None where the stage did not use the file.

    `caps` is the version of the rules file whose caps were applied: it can be newer than `rules`. `canary`: the one
    whose rules these are; None for the rules of everybody else.
    """

    rules: str | None = None
    merchants: str | None = None
    caps: str | None = None
    canary: str | None = None


class PushText(msgspec.Struct, frozen=True, gc=False):
    """The push as the shopper reads it."""

    title: str
    body: str


class StageTimes(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """When a stage began with the event and when it had done, in milliseconds after `read_at`.

    Stages run on different machines, whose clocks differ: a stage may seem to begin before the one before has done.
    """

    stage: str
    begun_ms: int
    ended_ms: int


Timeline = tuple[StageTimes, ...]


class Subject(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The event that a decision is about, and the push made of it. A field is None where it is absent or could not be
    read.
    """

    event_id: str | None = None
    user_id: str | None = None
    merchant_id: str | None = None
    event_type: str | None = None
    occurred_at: datetime | None = None
    read_at: datetime | None = None
    timezone: str | None = None
    locale: str | None = None
    merchant_name: str | None = None
    text: PushText | None = None


class Decision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How one event ended, at which stage and why. It holds no coordinates of the phone.

    `traceparent` is that of the event's headers, if it had one. The last seven are missing in decisions of 0.1.0.
    `timezone` and `locale` are the shopper's, as the event says them; `merchant_name` is what the shopper calls the
    merchant. `text` is there if a push was sent, or may have been. `held_by` are the dependencies that were ill while
    the event waited for them.
    """

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
    traceparent: str | None = None
    timezone: str | None = None
    locale: str | None = None
    merchant_name: str | None = None
    text: PushText | None = None
    timeline: Timeline = ()
    held_by: Holds = ()


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """One record in place of a decision for each event of a batch that no rule listens to.

    `ranges` are inclusive offsets of one source partition; one that ends before it begins raises ValueError. With the
    reason `invalid` it stands for the offsets of a record batch that was refused, if they are very many.

    `written_ms` are the times on Kafka of the earliest and the latest record of the batch, in milliseconds. They tell
    whether the records that stand at these offsets now are the same ones. Releases before 0.2.0 did not say it.
    """

    topic: str
    partition: PartitionNumber
    ranges: tuple[tuple[Offset, Offset], ...]
    decided_at: Instant
    worker: str
    rules_version: str | None = None
    reason: Reason = Reason.NOT_A_TRIGGER
    written_ms: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if any(first > last for first, last in self.ranges):
            raise ValueError("a range of offsets that ends before it begins")


def decision_id(position: SourcePosition, reason: Reason) -> str:
    """24 hex digits: the same for a position and a reason, on every worker and after every redelivery."""
    return hashlib.blake2b(f"{position}:{reason}".encode(), digest_size=12).hexdigest()


def push_id(position: SourcePosition) -> str:
    """The id by which a push is known outside: of the decision that says it was accepted.

    It is the same in every attempt and after every redelivery, also where the decision becomes another one, such as
    `push_uncertain`: nobody can know that yet when the push is sent.
    """
    return decision_id(position, Reason.PUSHED)


def answer(decisions: Iterable[Decision]) -> Decision:
    """The decision that counts for one event at one position: the strongest, and of equals the first.

    `decisions` are all of one event at one position, in the order written; at least one.
    """
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
