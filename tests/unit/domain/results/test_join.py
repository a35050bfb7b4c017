"""Which alert a response belongs to, in whatever order both are read, and once however often."""

from datetime import datetime, timedelta
from itertools import permutations
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.results.join import CATCHING_UP, LATE_DECISIONS, Committed, Join
from saving_alerts.domain.results.responses import Kind, Response
from saving_alerts.domain.results.result import JoinedBy, Result
from tests.support.fakes.clock import START
from tests.support.sample_results import MINUTE, assigned, carried, response

WINDOW = timedelta(hours=24)
HOUR = timedelta(hours=1)


def join(committed: Committed = Committed(), max_alerts: int = 1_000) -> Join:  # noqa: B008 - it is frozen
    return Join(WINDOW, max_alerts, committed)


def joined(what: Response, *numbers: int, **alert: Any) -> Result | None:  # noqa: ANN401 - fields
    """The result of a response after alerts at these numbers, a minute apart."""
    found = join()
    for number in numbers:
        found.take_alert(assigned(number, at=START + number * MINUTE, **alert), number)
    results = found.take_response(what, 0)
    assert len(results) <= 1
    return results[0] if results else None


def test_a_result_says_whose_it_is_and_how_that_is_known() -> None:
    found = joined(response(9, Kind.OPENED, decision_id=carried(0)), 0, variant="friendly", store_id="s-7")

    assert found is not None
    assert (found.kind, found.joined_by, found.decision_id) == (Kind.OPENED, JoinedBy.ID, carried(0))
    assert (found.rule_id, found.rules_version, found.variant, found.store_id) == ("coffee", "v1", "friendly", "s-7")


def test_without_an_id_it_is_by_user_merchant_and_coupon() -> None:
    found = joined(response(9), 0)

    assert found is not None
    assert (found.joined_by, found.decision_id) == (JoinedBy.MATCH, carried(0))


LATE = START + WINDOW
ANOTHER = {
    "another user's": response(9, user_id="u-2"),
    "at another merchant": response(9, merchant_id="m-2"),
    "with another coupon": response(9, coupon_id="c-2"),
    "before its event was read": response(9, at=START - MINUTE),
    "after the window": response(9, at=LATE + MINUTE),
    "an opened push without id and merchant": response(9, Kind.OPENED, merchant_id=None, coupon_id=None),
    "an opened push of another id": response(9, Kind.OPENED, decision_id=carried(5)),
    "another user's, with its id": response(9, Kind.OPENED, user_id="u-2", decision_id=carried(0)),
    "with its id, but another coupon: no control user could have that": response(
        9, coupon_id="c-2", decision_id=carried(0)
    ),
}


@pytest.mark.parametrize("what", ANOTHER.values(), ids=ANOTHER)
def test_what_is_not_its_result(what: Response) -> None:
    assert joined(what, 0) is None


@pytest.mark.parametrize(
    "what",
    [
        response(9, coupon_id=None),
        response(9, at=LATE),
        response(9, Kind.OPENED, decision_id=carried(0), merchant_id=None, coupon_id=None),
        response(9, Kind.OPENED, coupon_id=None),
    ],
    ids=["without a coupon", "at the end of the window", "opened, by its id alone", "opened, by its merchant"],
)
def test_what_is_its_result(what: Response) -> None:
    assert joined(what, 0) is not None


def test_of_several_alerts_it_belongs_to_the_one_it_names_else_to_the_latest() -> None:
    at = START + HOUR
    named, unnamed = joined(response(9, at=at, decision_id=carried(1)), 0, 1, 2), joined(response(9, at=at), 0, 1, 2)

    assert named is not None
    assert unnamed is not None
    assert (named.decision_id, unnamed.decision_id) == (carried(1), carried(2))


@pytest.mark.parametrize(
    ("reason", "details", "has_results"),
    [
        (Reason.PUSH_UNCERTAIN, {}, (True, True)),
        (Reason.PUSH_REFUSED, {"attempts": ["refused 400"]}, (True, False)),
        (Reason.EXPIRED, {"attempts": ["throttled for 9 s"]}, (True, False)),
    ],
)
def test_who_was_assigned_stays_in_the_arm_but_only_what_may_be_sent_can_be_opened(
    reason: Reason, details: dict[str, object], has_results: tuple[bool, bool]
) -> None:
    found = join()
    found.take_alert(assigned(0, reason, **details), 0)

    redeemed, opened = found.take_response(response(1), 0), found.take_response(response(2, Kind.OPENED), 1)

    assert (bool(redeemed), bool(opened)) == has_results


def test_the_same_result_comes_again_with_the_same_id() -> None:
    found = join()
    found.take_alert(assigned(0), 0)
    first, again, later = (found.take_response(response(number), number)[0] for number in (1, 1, 2))

    assert first.result_id == again.result_id == later.result_id


RECORDS = ["alert", "opened", "redeemed", "echo"]


@pytest.mark.parametrize("order", [*permutations(RECORDS)], ids="-".join)
def test_in_whatever_order_both_are_read_it_is_found(order: tuple[str, ...]) -> None:
    """A dead worker's decision comes late, after its push was opened."""
    found, ids = join(), set[tuple[str, Kind]]()
    for offset, what in enumerate(order):
        match what:
            case "alert":
                results = found.take_alert(assigned(0), offset)
            case "echo":
                results = found.take_alert(assigned(0, again=True), offset)
            case "opened":
                results = found.take_response(response(1, Kind.OPENED, decision_id=carried(0)), offset)
            case _:
                results = found.take_response(response(2), offset)
        ids |= {(each.decision_id, each.kind) for each in results}

    assert ids == {(carried(0), Kind.OPENED), (carried(0), Kind.REDEEMED)}


class Pair(NamedTuple):
    """A response, and an alert that it was joined with."""

    response: str
    assigned_at: datetime
    event_id: str


steps = st.lists(
    st.tuples(st.sampled_from(["alert", "response"]), st.integers(0, 5), st.integers(0, 2), st.integers(0, 50)),
    min_size=1,
    max_size=25,
)


@given(steps, st.integers(0, 25))
def test_after_a_restart_anywhere_nothing_is_missing_and_what_was_written_is_not_written_again(
    records: list[tuple[str, int, int, int]], restart: int
) -> None:
    """What is needed is read again: from the first offset that is remembered, on both topics.

    A response that was joined before the decision of a later alert was read belongs to both: the later one counts.
    """
    decisions, responses = _topics(records)
    whole = _read(join(), decisions, responses, Committed())

    before = join()
    first = _read(before, decisions[:restart], responses[:restart], Committed())
    committed = Committed(min(restart, len(decisions)), min(restart, len(responses)))
    needed = before.first_needed or Committed(-1, -1)
    second = _read(join(committed), decisions, responses, needed)

    assert _counted(first | second) == _counted(whole)
    assert not first & second


def _topics(records: list[tuple[str, int, int, int]]) -> tuple[list[Any], list[Response]]:
    alerts = [
        assigned(number, user_id=f"u-{user}", at=START + minutes * MINUTE, event_id=f"e-{place}")
        for place, (what, number, user, minutes) in enumerate(records)
        if what == "alert"
    ]
    done = [
        response(100 + place, user_id=f"u-{user}", at=START + minutes * MINUTE)
        for place, (what, _, user, minutes) in enumerate(records)
        if what == "response"
    ]
    return alerts, done


def _read(found: Join, decisions: list[Any], responses: list[Response], start: Committed) -> set[Pair]:
    """Decisions first, as the recorder reads them."""
    results: list[Result] = []
    for offset, alert in enumerate(decisions):
        if offset >= max(start.decisions, 0):
            results += found.take_alert(alert, offset)
    for offset, done in enumerate(responses):
        if offset >= max(start.responses, 0):
            results += found.take_response(done, offset)
    return {Pair(str(each.response), each.assigned_at, each.event_id) for each in results}


def _counted(pairs: set[Pair]) -> dict[str, datetime]:
    """When the alert was assigned that each response counts for."""
    return {pair.response: pair.assigned_at for pair in sorted(pairs)}


def test_what_can_have_no_result_any_more_is_forgotten() -> None:
    found = join()
    found.take_alert(assigned(0), 3)
    found.take_response(response(1, user_id="u-9"), 4)
    assert found.first_needed == Committed(3, 4)

    found.prune(START + LATE_DECISIONS + HOUR)
    assert found.first_needed == Committed(3, -1)

    found.prune(START + WINDOW + CATCHING_UP + HOUR)
    assert found.first_needed is None


def test_beyond_the_limit_the_oldest_is_forgotten_and_counted() -> None:
    found = join(max_alerts=2)
    for number in range(4):
        found.take_alert(assigned(number), number)
        found.prune(START)

    assert (found.alerts, found.forgotten, found.first_needed) == (2, 2, Committed(2, -1))
