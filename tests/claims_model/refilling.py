"""`throttle refill`, beside the workers: it reads the changelog, and adds to Redis event by event what it has read.

No promise needs that it leaves alone what Redis knows: with a step that overwrites it the search meets the same states,
because the changelog never knows more of an event than Redis does, or nothing is known there.
"""

from collections.abc import Iterator

from tests.claims_model.state import EVENTS, Answer, Entry, EntryKind, State, Step, put

Steps = Iterator[Step]
# What the changelog has is charged.
_KINDS: dict[Answer, EntryKind] = {"pushed": "pushed", "uncertain": "uncertain", "control": "control"}


def refilling(state: State) -> Steps:
    if state.left.refills and any(state.durable):
        left = state.left._replace(refills=state.left.refills - 1)
        yield "a refill reads the changelog", state._replace(refill=state.durable, left=left)
    for event in EVENTS:
        if state.refill[event]:
            done = state._replace(refill=put(state.refill, event, ""))
            yield f"the refill is at event {event}", _added(done, state, event)


def _added(done: State, state: State, event: int) -> State:
    """What is known stays as it is, and so does the time from which the send is counted."""
    if state.entries[event].kind != "none":
        return done
    kind = _KINDS[state.refill[event]]
    return done.with_entry(event, Entry(kind, erased=bool(state.tokens[event])))
