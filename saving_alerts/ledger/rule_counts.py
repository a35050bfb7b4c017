"""What each rule did, counted from the decisions: pushes, other ends, and refusals by their clause."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from saving_alerts.domain.decoding import MAX_DEPTH, Decoder, Instant, Unreadable
from saving_alerts.domain.rules.clauses import Clause
from saving_alerts.kafka.connection import KafkaConnection
from saving_alerts.ledger.offset_lookup import partitions_of, spans_since
from saving_alerts.ledger.topic_reader import Span, read

MAX_DECISIONS = 1_000_000  # the newest: about ten seconds
_CLAUSES = frozenset(map(str, Clause))


class _Refusal(msgspec.Struct, frozen=True, gc=False):
    rule_id: str | None = None
    clause: str | None = None


class _Details(msgspec.Struct, frozen=True, gc=False):
    rule_id: str | None = None
    refusals: list[_Refusal] = []


class _Decided(msgspec.Struct, frozen=True, gc=False):
    """As much of a decision as is counted. Receipts have no details."""

    decided_at: Instant
    reason: str = ""
    details: _Details = _Details()


_decisions = Decoder(_Decided, open_depth=MAX_DEPTH)


@dataclass(slots=True)
class RuleCount:
    """`ends`: of the events that this rule chose, by reason. `refusals`: of the others, by the clause that said no."""

    ends: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class RuleCounts:
    """By rule id. `since` is the time of the first decision that was read, if not all could be."""

    by_rule: dict[str, RuleCount]
    decisions: int = 0
    since: datetime | None = None


async def count_by_rule(
    connection: KafkaConnection, topic: str, live_since: Mapping[str, datetime], most: int = MAX_DECISIONS
) -> RuleCounts:
    """Of each of these rules the decisions since it went live, as far as the newest ones reach.

    Raises KafkaFailedError.
    """
    counts = RuleCounts({rule: RuleCount() for rule in live_since})
    if not live_since:
        return counts
    spans = await spans_since(connection, topic, await partitions_of(connection, topic), min(live_since.values()))
    newest = _newest(spans, most)
    async for batch in read(connection, topic, newest):
        for record in batch:
            decided = _decisions.read(record.value)
            if not isinstance(decided, Unreadable):
                _count(counts, decided, live_since)
    if newest == spans:
        counts.since = None
    return counts


def _newest(spans: Mapping[int, Span], most: int) -> dict[int, Span]:
    """The last offsets of each partition, `most` of all."""
    share = most // max(len(spans), 1)
    return {number: Span(max(span.start, span.end - share), span.end) for number, span in spans.items()}


def _count(counts: RuleCounts, decided: _Decided, live_since: Mapping[str, datetime]) -> None:
    counts.decisions += 1
    counts.since = min(counts.since or decided.decided_at, decided.decided_at)
    chosen = _live(decided.details.rule_id, decided, live_since)
    if chosen is not None:
        counts.by_rule[chosen].ends[decided.reason] += 1
        return
    for refusal in decided.details.refusals:
        refused = _live(refusal.rule_id, decided, live_since)
        if refused is not None and refusal.clause in _CLAUSES:
            counts.by_rule[refused].refusals[refusal.clause] += 1


def _live(rule_id: str | None, decided: _Decided, live_since: Mapping[str, datetime]) -> str | None:
    """The rule, if it was live then."""
    since = None if rule_id is None else live_since.get(rule_id)
    return rule_id if since is not None and decided.decided_at >= since else None
