"""A budget of one push that two users' alerts count for: never above, and never spent by nobody."""

import pytest

from tests.claims_model.budgets import BUDGET_RULES
from tests.claims_model.search import Model, search, search_to_the_ends
from tests.claims_model.state import DENIED, IN_VAIN, OVER_BUDGET, THE_LIMIT, UNLIKE, Faults, Rules

BUDGET = Faults(budgets=1)


@pytest.mark.parametrize(
    "faults",
    [
        BUDGET,
        Faults(budgets=1, crashes=1),
        Faults(budgets=1, rebalances=1),
        Faults(budgets=1, lost_answers=1),
        Faults(budgets=1, kills=1),
        Faults(budgets=1, wipes=1),
        pytest.param(Faults(budgets=1, copies=1), marks=pytest.mark.long),
        Faults(budgets=1, controls=1),
        Faults(budgets=1, controls=1, lost_answers=1),
    ],
    ids=str,
)
def test_every_promise_holds_and_no_state_is_stuck(faults: Faults) -> None:
    found = search_to_the_ends(Model(Rules(), faults))

    assert not found.broken, found


@pytest.mark.parametrize(
    "faults",
    [
        Faults(budgets=1, crashes=2),
        Faults(budgets=1, crashes=1, lost_answers=1),
        Faults(budgets=1, wipes=2),
        Faults(budgets=1, erasures=1),
        Faults(budgets=1, controls=1, crashes=1),
        Faults(budgets=1, controls=1, wipes=1),
    ],
    ids=str,
)
def test_every_promise_holds_in_order(faults: Faults) -> None:
    found = search(Model(Rules(), faults, side_by_side=False))

    assert not found.broken, found


@pytest.mark.parametrize(
    "faults", [Faults(budgets=1, crashes=1, wipes=1), Faults(budgets=1, rebalances=1, wipes=1)], ids=str
)
def test_never_above_where_redis_is_lost_and_the_worker_too(faults: Faults) -> None:
    """What comes again can be told `budget_spent` although the lost worker had pushed it: that is the limit."""
    found = search(Model(Rules(), faults), tolerated=frozenset({THE_LIMIT}))

    assert not found.broken, found


@pytest.mark.parametrize("wipes", [0, pytest.param(1, marks=pytest.mark.long)])
def test_a_worker_that_slept_through_a_takeover_is_never_above(wipes: int) -> None:
    """Its decision can deny a push, as without a budget (docs/claims.md, "What is left")."""
    faults = Faults(budgets=1, pauses=1, wipes=wipes)
    found = search(Model(Rules(), faults, side_by_side=False), tolerated=frozenset({DENIED}))

    assert not found.broken, found


# The rule that is switched off, the faults it is needed against, and the promise that breaks.
NEEDED = [
    ("claim_takes_budget", BUDGET, OVER_BUDGET),
    ("takeover_takes_none", Faults(budgets=1, crashes=1), IN_VAIN),
    ("budget_goes_back", BUDGET, IN_VAIN),
    ("only_claims_give_back", Faults(budgets=1, lost_answers=1), OVER_BUDGET),
    ("lost_budget_is_spent", Faults(budgets=1, wipes=1), OVER_BUDGET),
    ("ghost_asks_budget", Faults(budgets=1, controls=1), UNLIKE),
    ("ghost_takes_none", Faults(budgets=1, controls=1), IN_VAIN),
]


@pytest.mark.parametrize(("rule", "faults", "breaks"), NEEDED, ids=[row[0] for row in NEEDED])
def test_without_the_rule_a_promise_breaks(rule: str, faults: Faults, breaks: str) -> None:
    found = search(Model(Rules(**{rule: False}), faults))

    assert found.broken == breaks, found


def test_every_rule_of_budgets_is_looked_at() -> None:
    assert {row[0] for row in NEEDED} == BUDGET_RULES
