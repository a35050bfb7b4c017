"""Two alerts of two users that count for a budget of one push a day (docs/claims.md, rule 13).

Only one of them may be pushed, whatever happens. What was out when Redis lost its data may all have been taken: here
that is all of it.
"""

from tests.claims_model.state import IN_VAIN, OVER_BUDGET, Rules, State

BUDGET_RULES = frozenset(
    {
        "claim_takes_budget",
        "takeover_takes_none",
        "budget_goes_back",
        "only_claims_give_back",
        "lost_budget_is_spent",
        "ghost_asks_budget",
        "ghost_takes_none",
    }
)
PUSHES = 1


def are_there(state: State) -> bool:
    return bool(state.left.budgets)


def is_spent(state: State) -> bool:
    return state.taken >= PUSHES


def taken(rules: Rules, state: State) -> State:
    """By a claim that is granted."""
    return state._replace(taken=state.taken + 1) if rules.claim_takes_budget else state


def confirmed(rules: Rules, state: State) -> State:
    """What a claim did not take would be taken when its push is known."""
    if not are_there(state) or rules.claim_takes_budget:
        return state
    return state._replace(taken=PUSHES)


def refuses_takeover(rules: Rules, state: State) -> bool:
    return are_there(state) and is_spent(state) and not rules.takeover_takes_none


def given_back(rules: Rules, state: State) -> State:
    return state._replace(taken=state.taken - 1) if are_there(state) and rules.budget_goes_back else state


def nothing_found(rules: Rules, state: State) -> State:
    """A `release` of what is not there. What it gave back a third event could take."""
    if not are_there(state) or rules.only_claims_give_back:
        return state
    given = state._replace(taken=max(0, state.taken - 1))
    is_taken = any(entry.kind in ("live", "ended", "uncertain", "pushed") for entry in state.entries)
    return given._replace(broken=OVER_BUDGET) if is_taken else given


def wiped(rules: Rules, state: State) -> State:
    if not are_there(state):
        return state
    return state._replace(taken=PUSHES if rules.lost_budget_is_spent else 0, budget_lost=rules.lost_budget_is_spent)


def over_budget(state: State, event: int) -> str:
    """Of a push that is accepted."""
    return OVER_BUDGET if state.accepted[1 - event] else ""


def in_vain(state: State, event: int) -> str:
    """Of an event that hears that the budget is spent. What is charged as control takes nothing of it."""
    if state.budget_lost or state.entries[1 - event].kind not in ("none", "control"):
        return ""
    return IN_VAIN
