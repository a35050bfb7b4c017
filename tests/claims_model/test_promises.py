"""What holds when every rule is followed: the table of docs/claims.md, row by row, and what is left."""

import pytest

from tests.claims_model.search import Model, search, search_to_the_ends
from tests.claims_model.state import DENIED, OVER_CAP, SILENCED, THE_LIMIT, Faults, Rules

ALL = Rules()
# As long as the search through two workers that do not know of each other takes on a slow machine.
LONG_SECONDS = 900


@pytest.mark.parametrize(
    "faults",
    [
        Faults(),
        Faults(crashes=1),
        Faults(rebalances=1),
        Faults(lost_answers=1),
        Faults(kills=1),
        Faults(opt_outs=1),
        Faults(opt_outs=1, opt_ins=1, unknown=1),
        Faults(windows=1),
        Faults(reborn=1),
        Faults(erasures=1),
        pytest.param(Faults(copies=1), marks=pytest.mark.long),
    ],
    ids=[
        "none",
        "a crash",
        "a rebalance",
        "a lost answer of Redis",
        "a kill switch",
        "an opt-out",
        "an opt-out, an opt-in, a consent that is not known",
        "the window passes",
        "reborn",
        "an erasure",
        "a copy of a reserve",
    ],
)
def test_every_promise_holds_and_no_state_is_stuck(faults: Faults) -> None:
    found = search_to_the_ends(Model(ALL, faults))

    assert not found.broken, found
    assert found.states > 5_000


@pytest.mark.parametrize(
    "faults",
    [
        Faults(crashes=1, rebalances=1),
        Faults(rebalances=2),
        Faults(rebalances=1, lost_answers=1),
        Faults(lost_answers=2),
        Faults(erasures=1, rebalances=1),
        Faults(erasures=1, lost_answers=1),
        pytest.param(Faults(erasures=1, crashes=1), marks=pytest.mark.long),
        pytest.param(Faults(erasures=1, windows=1), marks=pytest.mark.long),
        pytest.param(Faults(copies=1, crashes=1), marks=pytest.mark.long),
        pytest.param(Faults(copies=1, rebalances=1), marks=pytest.mark.long),
        pytest.param(Faults(copies=1, lost_answers=1), marks=pytest.mark.long),
        pytest.param(Faults(copies=1, kills=1), marks=pytest.mark.long),
        pytest.param(Faults(crashes=2), marks=pytest.mark.long),
        pytest.param(Faults(crashes=1, lost_answers=1, kills=1), marks=pytest.mark.long),
    ],
    ids=[
        *("a crash and a rebalance", "two rebalances", "a rebalance and a lost answer", "two lost answers"),
        *("an erasure and a rebalance", "an erasure and a lost answer"),
        *("an erasure and a crash", "an erasure, and the window passes"),
        *("a copy and a crash", "a copy and a rebalance", "a copy and a lost answer", "a copy and a kill switch"),
        *("two crashes", "a crash, a lost answer and a kill switch"),
    ],
)
@pytest.mark.timeout(LONG_SECONDS)
def test_every_promise_holds(faults: Faults) -> None:
    found = search(Model(ALL, faults))

    assert not found.broken, found


def test_every_promise_holds_when_a_reserve_arrives_once_more() -> None:
    found = search_to_the_ends(Model(ALL, Faults(copies=1), side_by_side=False))

    assert not found.broken, found
    assert found.states > 5_000


def test_a_wiped_redis_grants_a_claim_that_was_released_to_a_copy_of_its_reserve() -> None:
    """Left: nobody is there to give it back, so the user is charged for nothing."""
    found = search(Model(ALL, Faults(copies=1, wipes=1), side_by_side=False))

    assert found.broken == SILENCED, found


@pytest.mark.parametrize("wipes", [1, 2])
def test_every_promise_holds_when_redis_is_wiped(wipes: int) -> None:
    """Here one event after the other counts, as the stage runs them: two at once would both find an empty Redis."""
    found = search(Model(ALL, Faults(wipes=wipes), side_by_side=False))

    assert not found.broken, found


@pytest.mark.parametrize(
    "side_by_side", [False, pytest.param(True, marks=pytest.mark.long)], ids=["in order", "side by side"]
)
@pytest.mark.timeout(LONG_SECONDS)
def test_a_pause_breaks_no_promise_about_pushes(side_by_side: bool) -> None:  # noqa: FBT001 - a parameter
    found = search(Model(ALL, Faults(pauses=1), side_by_side), tolerated=frozenset({DENIED}))

    assert not found.broken, found


def test_after_an_unnoticed_takeover_two_workers_may_be_answered_differently() -> None:
    """Left: the API refuses the push to the new owner, then accepts the same push from the one that slept."""
    found = search(Model(ALL, Faults(pauses=1), side_by_side=False))

    assert found.broken == DENIED
    assert "the partition is TAKEN OVER" in found.trace
    assert sum("is answered 400" in step for step in found.trace) > 0


def test_every_promise_holds_when_redis_is_wiped_and_the_user_erased() -> None:
    found = search(Model(ALL, Faults(wipes=1, erasures=2), side_by_side=False))

    assert not found.broken, found


@pytest.mark.parametrize(
    "faults",
    [Faults(refills=1, wipes=2), Faults(refills=1, wipes=1, erasures=1), Faults(refills=1, wipes=1, crashes=1)],
    ids=["two wipes", "a wipe and an erasure", "a wipe and a crash"],
)
def test_a_refill_adds_no_limit(faults: Faults) -> None:
    found = search(Model(ALL, faults, side_by_side=False), tolerated=frozenset({THE_LIMIT}))

    assert not found.broken, found


def test_no_state_is_stuck_while_redis_is_refilled() -> None:
    found = search_to_the_ends(Model(ALL, Faults(refills=1)))

    assert not found.broken, found
    assert found.states > 5_000


@pytest.mark.long
@pytest.mark.timeout(LONG_SECONDS)
@pytest.mark.parametrize("faults", [Faults(wipes=1, crashes=1, erasures=1), Faults(copies=1, erasures=1)])
def test_an_erasure_adds_no_limit(faults: Faults) -> None:
    found = search(Model(ALL, faults, side_by_side=False), tolerated=frozenset({THE_LIMIT}))

    assert not found.broken, found


WITH_WIPE = pytest.mark.parametrize(
    "faults",
    [Faults(wipes=1, crashes=1), Faults(wipes=1, rebalances=1)],
    ids=["a crash", "a rebalance"],
)


@WITH_WIPE
def test_a_wiped_redis_and_a_lost_worker_break_the_cap(faults: Faults) -> None:
    found = search(Model(ALL, faults, side_by_side=False))

    assert found.broken == THE_LIMIT, found


@WITH_WIPE
def test_they_break_it_only_together_and_before_the_table_entry_is_durable(faults: Faults) -> None:
    found = search(Model(ALL, faults, side_by_side=False), tolerated=frozenset({THE_LIMIT}))

    assert not found.broken, found


def test_two_events_at_once_are_more_than_a_wiped_redis_can_stand() -> None:
    """Why the stage runs one event of a user after the other."""
    found = search(Model(ALL, Faults(wipes=1), side_by_side=True))

    assert found.broken == OVER_CAP, found
