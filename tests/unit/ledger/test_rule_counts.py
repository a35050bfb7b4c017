"""What each rule did since it went live, and nothing of before."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.decoding import Unreadable
from saving_alerts.domain.reasons import Reason
from saving_alerts.kafka.codecs import encode
from saving_alerts.ledger.rule_counts import RuleCount, RuleCounts, _count, _decisions, _newest
from saving_alerts.ledger.topic_reader import Span
from tests.support.sample_decisions import HAPPENED, decision

LIVE = {"a": HAPPENED - timedelta(days=1), "b": HAPPENED + timedelta(days=1)}


def counted(*values: bytes) -> RuleCounts:
    counts = RuleCounts({rule: RuleCount() for rule in LIVE})
    for value in values:
        found = _decisions.read(value)
        if not isinstance(found, Unreadable):
            _count(counts, found, LIVE)
    return counts


def test_ends_and_refusals_are_counted_by_rule_since_it_is_live() -> None:
    refusals = [{"rule_id": "a", "clause": "quiet_hours"}, {"rule_id": "b", "clause": "when"}, {"rule_id": "x"}]

    counts = counted(
        encode(decision(Reason.PUSHED, rule_id="a")),
        encode(decision(Reason.CAPPED, rule_id="a")),
        encode(decision(Reason.PUSHED, rule_id="b")),
        encode(decision(Reason.QUIET_HOURS, refusals=refusals)),
    )

    assert counts.by_rule["a"] == RuleCount({"pushed": 1, "capped": 1}, {"quiet_hours": 1})  # type: ignore[arg-type]
    assert counts.by_rule["b"] == RuleCount()
    assert counts.decisions == 4


@given(st.binary() | st.text().map(str.encode) | st.just(b'{"decided_at":"2026-11-24T20:47:03Z","details":[]}'))
def test_what_cannot_be_read_counts_for_no_rule(value: bytes) -> None:
    assert counted(value).by_rule == {"a": RuleCount(), "b": RuleCount()}


def test_a_clause_that_is_none_is_not_counted() -> None:
    counts = counted(encode(decision(Reason.RULE_REFUSED, refusals=[{"rule_id": "a", "clause": "x" * 100}])))

    assert counts.by_rule["a"] == RuleCount()


@pytest.mark.parametrize(("most", "starts"), [(10, (95, 15)), (1000, (0, 10)), (0, (100, 20))])
def test_only_the_newest_are_read(most: int, starts: tuple[int, int]) -> None:
    found = _newest({0: Span(0, 100), 1: Span(10, 20)}, most)

    assert (found[0], found[1]) == (Span(starts[0], 100), Span(starts[1], 20))
