"""The audit's arithmetic: every source offset behind the commit is answered, on its way, or missing."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.decisions import Decision, Receipt, Stage, answer, decision_id
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.ledger.accounting import Account, PartitionAudit, SourceRecordMark, SourceSpan, summary
from saving_alerts.ledger.explaining import explanations
from saving_alerts.ledger.offset_set import PAGE_OFFSETS, OffsetSet

SOURCE = "saving-events"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
OFFSETS = st.integers(0, 3 * PAGE_OFFSETS)


def position(offset: int, partition: int = 0, topic: str = SOURCE) -> SourcePosition:
    return SourcePosition(topic, partition, offset)


def decision(
    offset: int,
    reason: Reason = Reason.NO_COUPON,
    *,
    seconds: int = 0,
    event_id: str | None = "e",
    user_id: str = "u-1",
    **details: object,
) -> Decision:
    return Decision(
        decision_id=decision_id(position(offset), reason),
        position=position(offset),
        stage=Stage.DISPATCH_PUSH,
        reason=reason,
        decided_at=NOON + timedelta(seconds=seconds),
        worker="w-1",
        user_id=user_id,
        event_id=event_id,
        details=details,
    )


def receipt(
    *ranges: tuple[int, int],
    partition: int = 0,
    topic: str = SOURCE,
    written_ms: tuple[int, int] | None = None,
) -> Receipt:
    return Receipt(
        topic=topic, partition=partition, ranges=ranges, decided_at=NOON, worker="w-1", written_ms=written_ms
    )


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
        pytest.param({"status": 201}, {"status": 409, "user_id": "u-2"}, True, id="for-two-users"),
        pytest.param({"status": 201}, {"status": 201, "event_id": "other"}, False, id="two-events-at-one-position"),
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


# The source was deleted and made again: other events stand at the same offsets.


def reborn(start: int, end: int, *, first_ms: int = 5_000) -> Account:
    """An account of the new topic: event `new-OFFSET` at every offset, written one millisecond after the other."""
    accounted = account(start, end)
    for offset in range(start, end):
        accounted.present(0, offset, SourceRecordMark(f"new-{offset}", first_ms + offset))
    return accounted


def test_what_was_decided_about_a_former_topic_answers_nothing() -> None:
    accounted = reborn(0, 4)

    accounted.recorded(decision(0, Reason.PUSHED, event_id="old-0", status=201))
    accounted.recorded(decision(1, event_id="new-1"))
    accounted.recorded(receipt((2, 3), written_ms=(1_000, 2_000)))
    accounted.pending(position(2), "old-2")

    audited = only(accounted)
    assert (audited.answered, audited.pending, audited.missing_ranges) == (1, 0, ((0, 0), (2, 3)))
    assert (audited.of_former_topic, audited.echoes, audited.contradictions) == (3, 0, ())


def test_what_is_not_audited_is_not_counted_as_of_a_former_topic() -> None:
    """A receipt names a whole batch: only a part of it may be asked about."""
    accounted = reborn(2, 4)

    accounted.recorded(receipt((0, 9), written_ms=(1_000, 2_000)))
    accounted.recorded(receipt((5, 9), written_ms=(1_000, 2_000)))
    accounted.recorded(receipt((0, 1), written_ms=(1_000, 2_000)))
    accounted.recorded(decision(9, event_id="old-9"))

    assert (only(accounted).answered, only(accounted).of_former_topic) == (0, 2)


def test_what_was_decided_about_this_topic_counts_beside_it() -> None:
    accounted = reborn(0, 4)

    accounted.pending(position(1), "old-1")
    accounted.pending(position(1), "new-1")
    accounted.recorded(decision(0, Reason.PUSHED, event_id="old-0", status=201))
    accounted.recorded(decision(0, Reason.PUSHED, event_id="new-0", status=201, seconds=9))
    accounted.recorded(receipt((2, 3), written_ms=(1_000, 2_000)))
    accounted.recorded(receipt((2, 3), written_ms=(5_002, 5_003)))

    audited = only(accounted)
    assert (audited.answered, audited.pending, audited.missing, audited.echoes) == (3, 1, 0, 0)
    assert audited.sound


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(receipt((0, 3)), id="a receipt of an older release"),
        pytest.param(receipt((0, 3), written_ms=(-1, 2**62)), id="a receipt of records without a time"),
        pytest.param(receipt((0, 5_000), written_ms=(5_003, 9_000)), id="a receipt for records on and off the source"),
        pytest.param(decision(0, event_id=None), id="a decision that names no event"),
    ],
)
def test_what_cannot_be_told_from_an_answer_is_one(entry: Decision | Receipt) -> None:
    accounted = reborn(0, 4)

    accounted.recorded(entry)

    assert only(accounted).answered > 0
    assert only(accounted).of_former_topic == 0


def test_what_the_source_does_not_hold_any_more_is_taken_for_what_its_answer_says() -> None:
    accounted = account(0, 4)
    accounted.present(0, 3, SourceRecordMark("new-3", 5_003))

    accounted.recorded(decision(0, event_id="gone"))
    accounted.recorded(receipt((1, 2), written_ms=(1_000, 2_000)))

    assert (only(accounted).answered, only(accounted).missing_ranges) == (3, ((3, 3),))


@given(
    times=st.lists(st.integers(-1, 2**62), min_size=1, max_size=60),
    cuts=st.sets(st.integers(1, 59), max_size=5),
    kept=st.integers(0, 59),
    start=st.integers(0, 2 * PAGE_OFFSETS),
)
def test_an_answer_of_this_topic_is_never_taken_for_one_of_a_former(
    times: list[int], cuts: set[int], kept: int, start: int
) -> None:
    """Whatever times producers write, however batches were cut, and whatever retention has deleted."""
    accounted = account(start, start + len(times))
    for offset, written in enumerate(times[kept:], start + kept):
        accounted.present(0, offset, SourceRecordMark(None, written))
    edges = [0, *sorted(cut for cut in cuts if cut < len(times)), len(times)]

    for first, end in pairwise(edges):
        batch = times[first:end]
        ranges = ((start + first, start + end - 1),)
        accounted.recorded(receipt(*ranges, written_ms=(min(batch), max(batch))))

    assert (only(accounted).answered, only(accounted).of_former_topic) == (len(times), 0)


@pytest.mark.parametrize("written_ms", [None, (5_000, 6_000), (-(10**30), 10**30)])
@pytest.mark.parametrize("beyond", [0, 10 * PAGE_OFFSETS, 2**63 - 5])
@pytest.mark.parametrize("first", range(4))
def test_a_receipt_may_name_any_offsets_and_costs_what_the_audited_ones_cost(
    first: int, beyond: int, written_ms: tuple[int, int] | None
) -> None:
    accounted = reborn(0, 4)

    accounted.recorded(receipt((first, 4 + beyond), written_ms=written_ms))

    assert (only(accounted).answered, only(accounted).of_former_topic) == (4 - first, 0)


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


def test_two_events_at_one_position_have_an_explanation_each() -> None:
    old, new = decision(0, Reason.PUSHED, event_id="old"), decision(0, Reason.CAPPED, event_id="new", seconds=9)

    explained = explanations([old, new, decision(0, Reason.CAPPED, event_id="old", seconds=1)])

    assert [(each.answer, len(each.echoes)) for each in explained] == [(old, 1), (new, 0)]


def test_a_decision_that_names_no_event_is_about_the_only_one_at_its_position() -> None:
    dead_letter, pushed = decision(0, Reason.DEAD_LETTER, event_id=None), decision(0, Reason.PUSHED, seconds=1)

    (explained,) = explanations([dead_letter, pushed])

    assert (explained.answer, explained.echoes) == (pushed, (dead_letter,))


def test_a_record_that_stands_for_several_is_present_at_each_of_their_offsets_that_is_audited() -> None:
    accounted = account(0, 5)
    accounted.present(0, 2, last=9)
    accounted.recorded(receipt((2, 3)))

    assert (only(accounted).answered, only(accounted).missing_ranges) == (2, ((4, 4),))
