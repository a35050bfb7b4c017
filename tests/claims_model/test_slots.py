"""Alerts that were gathered for one slot: one push at most, nobody silenced, whoever dies in between."""

import pytest

from tests.claims_model.search import Model, search, search_to_the_ends
from tests.claims_model.slots import SLOT_RULES
from tests.claims_model.state import DENIED, OVER_SLOT, THE_LIMIT, Faults, Rules

LONG_SECONDS = 900
SLOT, CRASH, WIPE = Faults(slots=1), Faults(slots=1, crashes=1), Faults(slots=1, wipes=1)
NEAR, NEAR_CRASH = Faults(slots=2), Faults(slots=2, crashes=1)


@pytest.mark.parametrize(
    "faults",
    [
        SLOT,
        CRASH,
        NEAR,
        NEAR_CRASH,
        *(
            pytest.param(Faults(slots=slots, **{fault: 1}), marks=pytest.mark.long)
            for slots in (1, 2)
            for fault in ("rebalances", "lost_answers", "kills", "erasures")
        ),
    ],
    ids=[
        *("none", "a crash", "none, and both are near", "a crash, and both are near"),
        *(
            f"{fault}{near}"
            for near in ("", ", and both are near")
            for fault in ("a rebalance", "a lost answer", "a kill switch", "an erasure")
        ),
    ],
)
def test_every_promise_holds_and_no_state_is_stuck(faults: Faults) -> None:
    """The worker takes the gathered one after the other, the best first, whichever it is."""
    found = search_to_the_ends(Model(Rules(), faults, side_by_side=False))

    assert not found.broken, found
    assert found.states > 3_000


@pytest.mark.parametrize(
    "faults",
    [
        Faults(slots=1, wipes=2),
        pytest.param(Faults(slots=1, wipes=1, rebalances=1), marks=pytest.mark.long),
        pytest.param(Faults(slots=1, wipes=1, crashes=1), marks=pytest.mark.long),
        pytest.param(Faults(slots=1, crashes=1, rebalances=1), marks=pytest.mark.long),
        pytest.param(Faults(slots=1, crashes=2), marks=pytest.mark.long),
        pytest.param(Faults(slots=1, pauses=1), marks=pytest.mark.long),
        Faults(slots=2, controls=1, crashes=1),
        Faults(slots=2, refills=1, wipes=1),
        pytest.param(Faults(slots=2, crashes=2), marks=pytest.mark.long),
        pytest.param(Faults(slots=2, crashes=1, rebalances=1), marks=pytest.mark.long),
        pytest.param(Faults(slots=2, wipes=1, rebalances=1), marks=pytest.mark.long),
    ],
    ids=[
        "two wipes",
        "a wipe and a rebalance",
        "a wipe and a crash",
        "a crash and a rebalance",
        "two crashes",
        "a pause",
        "both are near, control, a crash",
        "both are near, a refill and a wipe",
        "both are near, two crashes",
        "both are near, a crash and a rebalance",
        "both are near, a wipe and a rebalance",
    ],
)
@pytest.mark.timeout(LONG_SECONDS)
def test_every_promise_holds(faults: Faults) -> None:
    """But for the limits of docs/claims.md: Redis is lost, and who had gathered too."""
    found = search(Model(Rules(), faults, side_by_side=False), tolerated=frozenset({DENIED, THE_LIMIT}))

    assert not found.broken, found


def test_a_wiped_redis_and_a_lost_worker_forget_who_was_gathered() -> None:
    """Left: the Table has the send, and not those that it outbid."""
    found = search(Model(Rules(), Faults(slots=1, wipes=1, crashes=1), side_by_side=False))

    assert found.broken == THE_LIMIT, found


def test_a_wiped_redis_forgets_when_a_slot_began() -> None:
    """Left: the Table has the send, and not when its slot began. Who was gathered with it finds it there."""
    found = search(Model(Rules(), Faults(slots=2, wipes=1), side_by_side=False))

    assert found.broken == THE_LIMIT, found


# The rule that is switched off, and the faults it is needed against.
NEEDED = [
    ("gathered_sends_outbid", CRASH),
    ("slot_is_remembered", CRASH),
    ("send_keeps_slot", CRASH),
    ("takeover_joins_slots", Faults(slots=1, crashes=1, rebalances=1)),
    ("table_outbids", WIPE),
    ("slot_has_times", NEAR_CRASH),
    ("slot_has_times", NEAR),
    ("send_keeps_slot", NEAR),
]


@pytest.mark.parametrize(("rule", "faults"), NEEDED, ids=[f"{row[0]} {number}" for number, row in enumerate(NEEDED)])
def test_without_the_rule_a_slot_has_two_pushes(rule: str, faults: Faults) -> None:
    model = Model(Rules(**{rule: False}), faults, side_by_side=False)

    found = search(model, tolerated=frozenset({DENIED, THE_LIMIT}))

    assert found.broken == OVER_SLOT, found
    assert len(found.trace) <= 14, found


def test_every_rule_of_slots_is_looked_at() -> None:
    assert {row[0] for row in NEEDED} == SLOT_RULES
