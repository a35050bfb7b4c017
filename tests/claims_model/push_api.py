"""The push API's side: what it accepts, and what that breaks."""

from tests.claims_model import budgets, slots
from tests.claims_model.state import (
    KEPT_BACK,
    LATE,
    ORPHANED,
    OVER_CAP,
    OVER_SLOT,
    SECOND_PUSH,
    THE_LIMIT,
    UNLIKE,
    WIPED,
    Accepted,
    Request,
    Rules,
    State,
    is_alive,
    put,
)


def can_be_accepted(rules: Rules, state: State, event: int, request: Request) -> bool:
    return is_alive(request) and not (rules.same_key and state.accepted[event])


def accept(state: State, event: int, request: Request) -> State:
    """The shopper gets it."""
    how: Accepted = "after charge" if request == "beyond" else "in window"
    return state._replace(accepted=put(state.accepted, event, how), broken=_broken_by(state, event))


def _broken_by(state: State, event: int) -> str:
    if state.accepted[event]:
        return SECOND_PUSH
    if state.late[event]:
        return LATE
    if event == 0 and state.left.controls == 1:
        return KEPT_BACK
    if slots.are_gathered(state):
        return over_slot(state, event)
    return budgets.over_budget(state, event) if budgets.are_there(state) else _over_cap(state, event)


def _over_cap(state: State, event: int) -> str:
    if state.answers[1 - event] == "control" and not state.old[1 - event]:
        return THE_LIMIT if is_at_the_limit(state) else UNLIKE
    if state.accepted[1 - event] not in ("in window", "after charge"):
        return ""
    return THE_LIMIT if is_at_the_limit(state) else OVER_CAP


def over_slot(state: State, event: int) -> str:
    """This event is pushed, or charged as control."""
    if not slots.is_second_push(state, event):
        return ""
    return THE_LIMIT if is_at_the_limit(state) or slots.is_lost(state) else OVER_SLOT


def is_at_the_limit(state: State) -> bool:
    return WIPED | ORPHANED in state.lost
