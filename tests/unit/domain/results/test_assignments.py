"""Which decisions are alerts that results can come of, and on which side of the comparison."""

import msgspec
import pytest

from saving_alerts.domain.decisions import Decision, Stage
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.results.assignments import Arm, assigned_by, stronger
from tests.support.sample_results import assigned, carried, dispatched


def test_whatever_a_push_ended_as_its_id_is_the_one_that_it_carries() -> None:
    found = [assigned_by(dispatched(7, reason)) for reason in (Reason.PUSHED, Reason.PUSH_UNCERTAIN)]

    assert [each and each.decision_id for each in found] == [carried(7), carried(7)]


@pytest.mark.parametrize(
    ("decision", "is_assigned"),
    [
        (dispatched(1), True),
        (dispatched(1, Reason.PUSH_UNCERTAIN, attempts=[]), True),
        (dispatched(1, Reason.PUSH_REFUSED, attempts=["refused 400"]), True),
        (dispatched(1, Reason.EXPIRED, attempts=["throttled for 1 s"]), True),
        (dispatched(1, Reason.EXPIRED, attempts=[]), False),
        (dispatched(1, Reason.KILLED, attempts=[]), False),
        (dispatched(1, Reason.CAPPED), False),
        (dispatched(1, Reason.DUPLICATE), False),
        (dispatched(1, Reason.WOULD_PUSH), False),
        (msgspec.structs.replace(dispatched(1), stage=Stage.EVALUATE_RULES), False),
        (msgspec.structs.replace(dispatched(1), user_id=None), False),
        (msgspec.structs.replace(dispatched(1), details={}), False),
        (msgspec.structs.replace(dispatched(1), details={"rule_id": 7}), False),
    ],
)
def test_only_what_came_as_far_as_an_attempt(decision: Decision, is_assigned: bool) -> None:  # noqa: FBT001
    assert (assigned_by(decision) is not None) is is_assigned


def test_a_decision_of_an_older_release_names_neither_text_nor_store() -> None:
    found = assigned(1)

    assert (found.variant, found.store_id, found.arm) == (None, None, Arm.TREATED)


@pytest.mark.parametrize(
    ("told", "read"),
    [(10, 10.0), (0.5, 0.5), (True, None), ("10", None), (-1, None), (10**400, None), (None, None)],
    ids=repr,
)
def test_the_share_of_control_is_a_percentage_or_unknown(told: object, read: float | None) -> None:
    decision = dispatched(1)
    found = assigned_by(msgspec.structs.replace(decision, details=decision.details | {"control_percent": told}))

    assert found is not None
    assert found.control_percent == read


def test_of_two_decisions_the_one_with_a_push_counts_from_the_moment_of_the_first() -> None:
    refused = assigned(1, Reason.PUSH_REFUSED, attempts=["refused 400"])

    assert stronger(refused, assigned(1)).is_sent
    assert stronger(assigned(1), refused).is_sent
