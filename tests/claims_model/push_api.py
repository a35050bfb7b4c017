"""The push API's side: what it accepts, and what that breaks."""

from tests.claims_model.state import (
    KEPT_BACK,
    LATE,
    ORPHANED,
    OVER_CAP,
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
    if state.answers[1 - event] == "control" and not state.old[1 - event]:
        return THE_LIMIT if is_at_the_limit(state) else UNLIKE
    if state.accepted[1 - event] in ("in window", "after charge"):
        return THE_LIMIT if is_at_the_limit(state) else OVER_CAP
    return ""


def is_at_the_limit(state: State) -> bool:
    return WIPED | ORPHANED in state.lost
