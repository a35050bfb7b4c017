"""Control users: no push, caps that move as if there had been one, and the same answer after every fault."""

import pytest

from tests.claims_model.control import CONTROL_RULES
from tests.claims_model.search import Model, search, search_to_the_ends
from tests.claims_model.state import KEPT_BACK, MADE_UP, OVER_SLOT, SILENCED, UNLIKE, Faults, Rules

CONTROL = Faults(controls=1)
SLOT_AND_CRASH = Faults(controls=1, slots=1, crashes=1)


@pytest.mark.parametrize(
    "faults",
    [
        CONTROL,
        Faults(controls=1, crashes=1),
        Faults(controls=1, rebalances=1),
        Faults(controls=1, lost_answers=1),
        Faults(controls=1, kills=1),
        Faults(controls=1, windows=1),
        Faults(controls=1, reassigned=1),
        Faults(controls=0, reassigned=1),
        Faults(controls=1, erasures=1),
    ],
    ids=str,
)
def test_every_promise_holds_and_no_state_is_stuck(faults: Faults) -> None:
    found = search_to_the_ends(Model(Rules(), faults))

    assert not found.broken, found


@pytest.mark.parametrize(
    "faults",
    [
        Faults(controls=1, crashes=1, lost_answers=1),
        Faults(controls=1, crashes=1, reassigned=1),
        Faults(controls=0, crashes=1, reassigned=1),
        Faults(controls=0, rebalances=1, reassigned=1),
        Faults(controls=1, lost_answers=2),
        Faults(controls=1, wipes=1),
        Faults(controls=1, wipes=1, refills=1),
        Faults(controls=1, erasures=1, crashes=1),
        Faults(controls=1, erasures=1, lost_answers=1),
    ],
    ids=str,
)
def test_every_promise_holds_in_order(faults: Faults) -> None:
    found = search(Model(Rules(), faults, side_by_side=False))

    assert not found.broken, found


@pytest.mark.parametrize(
    "faults",
    [
        Faults(controls=1, slots=1),
        SLOT_AND_CRASH,
        Faults(controls=1, slots=1, lost_answers=2),
        Faults(controls=1, slots=1, wipes=1),
        Faults(controls=0, slots=1, reassigned=1),
    ],
    ids=str,
)
def test_of_two_of_one_slot_one_is_charged_as_control_or_pushed(faults: Faults) -> None:
    """The best first, whichever it is."""
    found = search_to_the_ends(Model(Rules(), faults, side_by_side=False))

    assert not found.broken, found
    assert found.states > 1_500


# The rule that is switched off, the faults it is needed against, and the promise that breaks.
NEEDED = [
    ("control_is_kept_back", CONTROL, KEPT_BACK),
    ("ghost_is_marked", Faults(controls=1, crashes=1), MADE_UP),
    ("ghost_checks_caps", CONTROL, UNLIKE),
    ("ghost_leaves_claims", Faults(controls=0, crashes=1, reassigned=1), SILENCED),
    ("unheard_ghost_is_control", Faults(controls=1, lost_answers=2), SILENCED),
    ("ghost_is_outbid", SLOT_AND_CRASH, OVER_SLOT),
    ("ghost_has_slot", SLOT_AND_CRASH, OVER_SLOT),
]


@pytest.mark.parametrize(("rule", "faults", "breaks"), NEEDED, ids=[row[0] for row in NEEDED])
def test_without_the_rule_a_promise_breaks(rule: str, faults: Faults, breaks: str) -> None:
    found = search(Model(Rules(**{rule: False}), faults, side_by_side=not faults.slots))

    assert found.broken == breaks, found


def test_every_rule_of_control_is_looked_at() -> None:
    assert {row[0] for row in NEEDED} == CONTROL_RULES
