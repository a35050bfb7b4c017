"""The audit's arithmetic: every source offset behind the commit is answered, on its way, or missing."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.decisions import Decision, Receipt, Stage, answer, decision_id
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.ledger.accounting import Account, PartitionAudit, SourceSpan, summary
from saving_alerts.ledger.explaining import explanations
from saving_alerts.ledger.offset_set import PAGE_OFFSETS, OffsetSet

SOURCE = "saving-events"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
OFFSETS = st.integers(0, 3 * PAGE_OFFSETS)


def position(offset: int, partition: int = 0, topic: str = SOURCE) -> SourcePosition:
    return SourcePosition(topic, partition, offset)


def decision(
    offset: int, reason: Reason = Reason.NO_COUPON, *, seconds: int = 0, event_id: str = "e", **details: object
) -> Decision:
    return Decision(
        decision_id=decision_id(position(offset), reason),
        position=position(offset),
        stage=Stage.DISPATCH_PUSH,
        reason=reason,
        decided_at=NOON + timedelta(seconds=seconds),
        worker="w-1",
        user_id="u-1",
        event_id=event_id,
        details=details,
    )


def receipt(*ranges: tuple[int, int], partition: int = 0, topic: str = SOURCE) -> Receipt:
    return Receipt(topic=topic, partition=partition, ranges=ranges, decided_at=NOON, worker="w-1")


def account(start: int, end: int, uncommitted: int = 0) -> Account:
    return Account(SOURCE, {0: SourceSpan(start, end, uncommitted)})


def filled(start: int, end: int) -> Account:
    """An account whose source holds a record at every offset."""
    accounted = account(start, end)
    for offset in range(start, end):
        accounted.present(0, offset)
    return accounted


def only(accounted: Account) -> PartitionAudit:
    (audited,) = accounted.audit()
    return audited


def test_decisions_and_receipts_together_answer_every_offset() -> None:
    accounted = filled(0, 10)

    accounted.recorded(receipt((0, 3), (5, 9)))
    accounted.recorded(decision(4))

    assert (only(accounted).answered, only(accounted).missing, only(accounted).echoes) == (10, 0, 0)
    assert only(accounted).sound


def test_what_is_nowhere_is_missing_with_its_offsets() -> None:
    accounted = filled(100, 110)

    accounted.recorded(receipt((100, 102), (104, 106)))
    accounted.pending(position(108))

    assert only(accounted).missing_ranges == ((103, 103), (107, 107), (109, 109))
    assert not only(accounted).sound


def test_an_offset_without_a_record_is_not_missing() -> None:
    accounted = account(0, 3)

    accounted.present(0, 0)
    accounted.recorded(receipt((0, 0)))

    assert (only(accounted).offsets, only(accounted).missing) == (1, 0)


def test_decided_beats_pending() -> None:
    accounted = filled(0, 2)

    accounted.pending(position(0))
    accounted.pending(position(1))
    accounted.recorded(decision(0))

    assert (only(accounted).answered, only(accounted).pending) == (1, 1)


def test_answers_beyond_the_first_are_echoes() -> None:
    accounted = filled(0, 10)

    accounted.recorded(receipt((0, 9)))
    accounted.recorded(receipt((5, 9)))
    accounted.recorded(decision(3))

    assert (only(accounted).answered, only(accounted).echoes) == (10, 6)


@pytest.mark.parametrize(
    ("first", "second", "contradictory"),
    [
        pytest.param({"status": 201}, {"status": 202, "seconds": 1}, True, id="accepted-anew-twice"),
        pytest.param({"status": 201}, {"status": 409, "seconds": 1}, False, id="known-to-the-api-at-the-second-try"),
        pytest.param({"status": 201}, {"again": True, "seconds": 1}, False, id="known-to-the-throttle"),
        pytest.param({"status": 409}, {"status": 201, "seconds": 1}, False, id="known-first-then-anew"),
        pytest.param({"status": 201}, {"status": 201}, False, id="one-decision-written-twice"),
        pytest.param({"status": 201}, {"status": 409, "event_id": "other"}, True, id="two-events"),
    ],
)
def test_only_two_different_accepted_pushes_contradict(
    first: dict[str, object], second: dict[str, object], *, contradictory: bool
) -> None:
    accounted = filled(0, 1)

    for details in (first, second):
        accounted.recorded(decision(0, Reason.PUSHED, **details))  # type: ignore[arg-type]

    assert only(accounted).contradictions == ((0,) if contradictory else ())
    assert only(accounted).sound is not contradictory


def test_a_third_push_is_held_against_every_one_before() -> None:
    accounted = filled(0, 1)

    for seconds, status in enumerate((409, 201, 202)):
        accounted.recorded(decision(0, Reason.PUSHED, seconds=seconds, status=status))

    assert only(accounted).contradictions == (0,)


def test_a_cap_that_meets_its_own_push_is_no_contradiction() -> None:
    accounted = filled(0, 1)

    accounted.recorded(decision(0, Reason.PUSHED, status=201))
    accounted.recorded(decision(0, Reason.CAPPED, seconds=1))

    assert (only(accounted).contradictions, only(accounted).echoes) == ((), 1)


def test_what_retention_deleted_from_the_source_is_unknown_unless_the_ledger_tells_of_it() -> None:
    accounted = account(0, 10)
    for offset in range(6, 10):
        accounted.present(0, offset)

    accounted.deleted_before({0: 6})
    accounted.recorded(receipt((4, 9)))

    assert (only(accounted).unknown, only(accounted).answered, only(accounted).missing) == (4, 6, 0)


def test_a_record_deleted_while_the_audit_ran_is_still_missing_and_counted_once() -> None:
    accounted = filled(0, 4)

    accounted.deleted_before({0: 2})

    assert (only(accounted).missing, only(accounted).unknown, only(accounted).offsets) == (4, 0, 4)


def test_an_unanswered_record_older_than_the_ledger_is_unknown() -> None:
    accounted = account(0, 3)

    accounted.present(0, 0, decision_maybe_deleted=True)
    accounted.present(0, 1, decision_maybe_deleted=True)
    accounted.present(0, 2)
    accounted.recorded(decision(1))

    assert (only(accounted).unknown, only(accounted).missing_ranges) == (1, ((2, 2),))


def test_what_lies_outside_the_span_or_on_another_source_does_not_count() -> None:
    accounted = filled(10, 20)

    accounted.recorded(receipt((0, 9), (20, 30)))
    accounted.recorded(receipt((10, 19), topic="other-events"))
    accounted.recorded(receipt((10, 19), partition=7))
    accounted.recorded(decision(20, Reason.PUSHED))
    accounted.pending(position(9))
    accounted.pending(position(12, topic="other-events"))

    assert (only(accounted).answered, only(accounted).pending, only(accounted).missing) == (0, 0, 10)


def test_the_summary_adds_up_all_partitions_in_one_line() -> None:
    spans = {0: SourceSpan(0, 1500), 1: SourceSpan(0, 3)}
    accounted = Account(SOURCE, spans)
    for number, span in spans.items():
        for offset in range(span.end):
            accounted.present(number, offset)

    accounted.recorded(receipt((0, 1499)))
    accounted.recorded(receipt((0, 0), (0, 0), partition=1))
    accounted.pending(position(1, partition=1))

    assert summary(accounted.audit()) == (
        "1,503 source offsets: 1,501 answered, 1 pending, 1 missing, 1 echoes, 0 contradictions, 0 unknown"
    )


@given(st.lists(st.tuples(OFFSETS, st.integers(0, 2 * PAGE_OFFSETS)), max_size=8), st.sets(OFFSETS, max_size=20))
def test_an_offset_set_behaves_as_a_set(ranges: list[tuple[int, int]], others: set[int]) -> None:
    offsets, other, model = OffsetSet(), OffsetSet(), set[int]()
    for first, length in ranges:
        added = set(range(first, first + length + 1))
        assert offsets.add(first, first + length) == len(added & model)
        model |= added
    for each in others:
        other.add(each, each)

    assert offsets.count() == len(model)
    assert list(offsets - other) == sorted(model - others)
    assert list(offsets | other) == sorted(model | others)
    assert set(offsets.below(PAGE_OFFSETS + 5)) == {each for each in model if each < PAGE_OFFSETS + 5}


@pytest.mark.parametrize(
    ("entries", "counts"),
    [
        pytest.param([decision(0, Reason.CAPPED), decision(0, Reason.PUSHED)], Reason.PUSHED, id="pushed-is-strongest"),
        pytest.param(
            [decision(0, Reason.PUSHED), decision(0, Reason.PUSH_UNCERTAIN)], Reason.PUSHED, id="over-uncertain"
        ),
        pytest.param([decision(0, Reason.NO_COUPON), decision(0, Reason.CAPPED)], Reason.NO_COUPON, id="first-written"),
        pytest.param(
            [decision(0, Reason.DEAD_LETTER), decision(0, Reason.CAPPED)], Reason.CAPPED, id="dead-letter-is-weakest"
        ),
    ],
)
def test_the_answer_is_the_decision_that_counts(entries: list[Decision], counts: Reason) -> None:
    assert answer(entries).reason is counts


def test_an_explanation_has_the_answer_first_and_the_rest_as_echoes() -> None:
    pushed, capped = decision(0, Reason.PUSHED), decision(0, Reason.CAPPED, seconds=1)

    (explained,) = explanations([pushed, capped])

    assert (explained.answer, explained.echoes) == (pushed, (capped,))
